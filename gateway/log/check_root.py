"""Computes the root of an exchange log from its entries alone and compares it with the checkpoint; names every id that
is used twice. Nothing to install.

python3 check_root.py LOG
"""

import base64
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path


def main(log: Path) -> int:
    """Print origin, size and root of the log in `log`, and the ids that are used twice. Returns 0 when the root is that
    of the checkpoint and no id is used twice, else 1."""
    origin, size, root = (log / "checkpoint").read_text("utf-8").split("\n")[:3]
    entries = []
    for number in range((int(size) + 255) // 256):
        width = min(256, int(size) - 256 * number)
        thousands = f"{number:0{(len(str(number)) + 2) // 3 * 3}d}"
        parts = [thousands[i : i + 3] for i in range(0, len(thousands), 3)]
        path = Path(log, "tile", "entries", *(f"x{part}" for part in parts[:-1]), parts[-1])
        data = (path if path.exists() else Path(f"{path}.p") / str(width)).read_bytes()
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
    leaves = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
    while len(leaves) > 1:
        pairs = [leaves[i : i + 2] for i in range(0, len(leaves), 2)]
        leaves = [hashlib.sha256(b"\x01" + p[0] + p[1]).digest() if len(p) == 2 else p[0] for p in pairs]
    found = base64.b64encode(leaves[0] if leaves else hashlib.sha256().digest()).decode()
    if found != root:
        print(origin, size, found, f"DIFFERS from {root}")
        return 1
    print(origin, size, found, "OK")
    twice = [one for one, count in Counter(json.loads(entry)["id"] for entry in entries).items() if count > 1]
    for identity in twice:
        print("TWICE", identity)
    return int(bool(twice))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
