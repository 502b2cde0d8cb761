"""`python -m bench [NAME …]`: run every benchmark there is, or those named, one after the other, each in a process of
its own, so that the memory of one is not the memory of the next. Exit code: the first that is not 0."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(NAMES)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    results = []
    for name in wanted or NAMES:
        print(f"== {name} ==", flush=True)
        results.append(subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode)
    return next((code for code in results if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
