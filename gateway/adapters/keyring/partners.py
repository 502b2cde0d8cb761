"""The partners' public keys: pinned by fingerprint, one keyring each."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

from gateway import durable
from gateway.adapters.keyring.home import KeyringError, engine, locked, scratch
from gateway.adapters.keyring.reading import KeyInfo, info
from gateway.outcomes import Ok, Outcome, Refused


def import_partner(keys: Path, parties: Path, file: Path, party: str, fingerprint: str) -> Outcome[KeyInfo]:
    """Pin a partner's key: `keys/<party>.asc` and `key = "…"` in `parties/<party>.toml`, both durably.

    `fingerprint` came another way than the file. Refused 217 unless the file holds exactly that one primary key, 218
    where it holds private material. Raises `KeyringError` for an unknown party.
    """
    wanted = re.sub(r"[\s:]", "", fingerprint).upper().removeprefix("0X")
    fact = parties / f"{party}.toml"
    if not fact.is_file():
        raise KeyringError("no such party")
    found = info(file)
    if any(key.secret for key in found) or b"PRIVATE KEY BLOCK" in file.read_bytes():
        return Refused("218")
    if len(found) != 1 or not re.fullmatch(r"[0-9A-F]{40}", wanted) or found[0].fingerprint != wanted:
        return Refused("217", {"keys": len(found)})
    with scratch() as folder:
        stranger = engine(folder, "--no-autostart")
        stranger.import_keys_file(str(file.absolute()))
        armored = str(stranger.export_keys(wanted, minimal=True)).encode("ascii")
    text = _with_key(fact.read_text("utf-8"), wanted)
    durable.make_folder(keys, 0o755)
    durable.write_bytes(keys / f"{party}.asc", armored, 0o644)
    durable.write_bytes(fact, text.encode("utf-8"), 0o644)
    return Ok(found[0])


def _with_key(text: str, fingerprint: str) -> str:
    """Set the top-level `key` of a party's TOML; every other character stays."""
    head = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    end = head.start() if head else len(text)
    line = f'key = "{fingerprint}"'
    top, count = re.subn(r'^key[ \t]*=[ \t]*("[^"\n]*"|\'[^\'\n]*\')', line, text[:end], count=1, flags=re.MULTILINE)
    if not count:
        top = f"{top.rstrip(chr(10))}\n{line}\n" + ("\n" if head else "")
    changed = top + text[end:]
    before, after = tomllib.loads(text), tomllib.loads(changed)
    if after != {**before, "key": fingerprint}:
        raise KeyringError("the party's file cannot be edited safely; set its key by hand")
    return changed


def partner_keyring(private: Path, file: Path, fingerprint: str) -> Path | None:
    """The keyring that holds one partner's public key and nothing else; made from `file` when that is new or changed.
    None where the file is missing or does not hold exactly the pinned key. Writers take turns on a lock."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    folder = private.absolute() / "keyrings"
    target = folder / f"{fingerprint}-{hashlib.sha256(content).hexdigest()[:16]}.gpg"
    if target.exists():
        return target
    durable.make_folder(folder)
    with locked(folder / ".lock"):
        if target.exists():
            return target
        found = info(file)
        if len(found) != 1 or found[0].fingerprint != fingerprint or found[0].secret:
            return None
        with scratch() as scratch_home:
            stranger = engine(scratch_home, "--no-autostart")
            stranger.import_keys_file(str(file.absolute()))
            exported = stranger.export_keys(fingerprint, armor=False)
        if not isinstance(exported, bytes) or not exported:
            return None
        for old in folder.glob(f"{fingerprint}-*.gpg"):
            durable.remove(old)
        durable.write_bytes(target, exported)
    return target
