"""Secrets other than the key's passphrase: from the service manager's credentials, else from the private folder."""

from __future__ import annotations

import os
from pathlib import Path


def credential(private: Path, name: str) -> Path:
    """Where the secret `name` lies: `$CREDENTIALS_DIRECTORY/name`, else `private/name`."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / name).is_file():
        return Path(folder) / name
    return private / name
