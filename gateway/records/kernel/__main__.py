"""`python -m gateway.records.kernel [FOLDER]`: compile the engine beforehand; exit code 3 where that cannot be."""

import sys
from pathlib import Path

from gateway.records import kernel

sys.exit(0 if kernel.prepare(Path(sys.argv[1]) if sys.argv[1:] else None) else 3)
