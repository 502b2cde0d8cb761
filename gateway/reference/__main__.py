"""`python -m gateway.reference [--check]`: write the reference pages, or say which are stale (exit 1)."""

from __future__ import annotations

import argparse
import sys

from gateway import reference


def main() -> int:
    """Write what is stale and name it, or with `--check` only name it. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; name the stale pages and exit 1")
    if parser.parse_args().check:
        stale = reference.stale()
        for name in stale:
            print(f"{name} is stale: run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for name in reference.write():
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
