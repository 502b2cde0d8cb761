"""What a key file or a keyring holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.adapters.sealing.keyring.home import engine, scratch

_ALGORITHMS = {"1": "rsa", "17": "dsa", "18": "ecdh", "19": "ecdsa", "22": "ed25519"}


@dataclass(frozen=True, slots=True)
class Subkey:
    """`capabilities` in gpg's letters (`e` encrypt, `s` sign); `key_id` is the long id, 16 hex digits."""

    fingerprint: str
    key_id: str
    capabilities: str


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One primary key of a file or a keyring. `expires` is None for a key that never does; `secret` tells that the
    material at hand is the private key."""

    fingerprint: str
    algorithm: str
    created: datetime
    expires: datetime | None
    revoked: bool
    secret: bool
    subkeys: tuple[Subkey, ...]

    def usable(self, now: datetime) -> bool:
        return not self.revoked and (self.expires is None or self.expires > now)


def info(file: Path) -> tuple[KeyInfo, ...]:
    """Every primary key in a key file, armored or binary; nothing is imported, no agent is asked."""
    with scratch() as folder:
        return read(engine(folder, "--no-autostart").scan_keys(str(file.absolute())))


def read(listed: list[dict[str, Any]]) -> tuple[KeyInfo, ...]:
    """python-gnupg's listing, typed. `subkeys` takes the wrong column for the capabilities, `subkey_info` not."""
    return tuple(
        KeyInfo(
            fingerprint=key["fingerprint"],
            algorithm=_algorithm(key["algo"], key["length"]),
            created=datetime.fromtimestamp(int(key["date"]), UTC),
            expires=datetime.fromtimestamp(int(key["expires"]), UTC) if key["expires"] else None,
            revoked=key["trust"] == "r",
            secret=key["type"] == "sec",
            subkeys=tuple(Subkey(sub[2], sub[0], key["subkey_info"][sub[0]]["cap"]) for sub in key["subkeys"]),
        )
        for key in listed
    )


def _algorithm(number: str, length: str) -> str:
    name = _ALGORITHMS.get(number, number)
    return f"{name}{length}" if name in ("rsa", "dsa") else name
