"""The process of `aside`: it inherits one connected socket, confines itself, does one job and ends.

python -m gateway.adapters.worker.single DESCRIPTOR
"""

from __future__ import annotations

import codecs
import socket
import sys

from gateway.adapters.worker import confine, parsing, working

if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        confine.isolate()
        codecs.lookup("utf-16-be")  # by which canonical JSON is sorted
        working.one_job(connection, parsing.run)
