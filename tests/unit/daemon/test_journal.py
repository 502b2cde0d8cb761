"""The journal never waits, never raises, and holds JSON alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from gateway.daemon.journal import Journal


def wait_for(journal: Journal, lost: int) -> None:
    limit = time.monotonic() + 60
    while journal.lost != lost:
        assert time.monotonic() < limit, journal.lost
        time.sleep(0.01)


def test_lines_come_in_order() -> None:
    reading, writing = os.pipe()
    journal = Journal(writing)
    for number in range(100):
        journal.write(f"{number}\n")
    journal.close()
    assert os.read(reading, 1 << 16).split() == [b"%d" % n for n in range(100)]


def test_a_reader_that_is_gone_costs_lines_and_nothing_else() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    journal = Journal(writing)
    for _ in range(5):
        journal.write("x\n")
    wait_for(journal, 5)
    journal.close()


def test_a_reader_that_does_not_read_holds_nobody_up_and_is_told_what_it_missed() -> None:
    reading, writing = os.pipe()
    journal = Journal(writing, most=50)
    for _ in range(500):  # the pipe takes 16, one is being written, 50 wait
        journal.write("x" * 4095 + "\n")
    assert journal.lost >= 500 - 50 - 17 - 1
    read, written = b"", 500
    limit = time.monotonic() + 60
    while b"again\n" not in read:
        assert time.monotonic() < limit, len(read)
        journal.write("again\n")
        written += 1
        read += os.read(reading, 1 << 16)
    journal.close()
    os.close(writing)
    while chunk := os.read(reading, 1 << 16):
        read += chunk
    os.close(reading)
    lines = [line for line in read.splitlines() if line.startswith(b"{")]
    told = sum(json.loads(line)["lines"] for line in lines)
    assert told >= 500 - 50 - 17 - 1
    assert read.count(b"x\n") + read.count(b"again\n") + told + journal.lost == written


SCRIPT = """
import logging, threading, warnings, gc
from gateway.daemon.journal import configure
journal = configure("info")
from dbos import DBOS
DBOS(config={"name": "gateway", "system_database_url": "sqlite:////nowhere/at/all.db", "log_level": "WARNING"})
logging.getLogger("dbos").warning("SELECT secret")
logging.getLogger("any.library").error("secret", exc_info=ValueError("secret"))
warnings.warn("secret")
def fail(): raise ValueError("secret")
thread = threading.Thread(target=fail); thread.start(); thread.join()
class Falls:
    def __del__(self): raise ValueError("secret")
Falls(); gc.collect()
try:
    DBOS.launch()
except Exception:
    pass
journal.close()
"""


def test_whatever_libraries_and_the_interpreter_print_is_json_and_says_no_value() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert {line["event"] for line in lines} == {"library", "uncaught"}
    assert {line["logger"] for line in lines if line["event"] == "library"} >= {"dbos", "any.library", "py.warnings"}
    assert [line["error"] for line in lines if line["event"] == "uncaught"] == ["ValueError", "ValueError"]
    assert "secret" not in done.stdout + done.stderr
