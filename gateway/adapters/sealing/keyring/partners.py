"""The partners' public keys: pinned by fingerprint, one keyring each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from gateway import durable
from gateway.adapters.sealing.keyring import pinning
from gateway.adapters.sealing.keyring.home import KeyringError, engine, locked, scratch
from gateway.adapters.sealing.keyring.reading import KeyInfo, info
from gateway.adapters.sealing.sm import keys as sm_keys
from gateway.outcomes import Ok, Outcome, Refused


class Days(NamedTuple):
    """What the file of an SM2 key does not say, as its owner says it: its last day. A key with a first day is the
    party's next one, beside the present one."""

    last: date | None = None
    first: date | None = None


ANY_DAY = Days()


class KeyFile(NamedTuple):
    path: Path
    content: bytes


def import_partner(
    keys: Path, parties: Path, file: Path, party: str, fingerprint: str, *, valid_from: date | None = None
) -> Outcome[KeyInfo]:
    """Pin a partner's key: `keys/<party>.asc` and `key = "…"` in `parties/<party>.toml`, both durably. With
    `valid_from` it is pinned as the party's next one, beside the present one.

    `fingerprint` came another way than the file. Refused 217 unless the file holds exactly that one primary key, 218
    where it holds private material, 219 where the fingerprint was revoked. Raises `KeyringError` for an unknown party.
    """
    wanted = pinning.normal(fingerprint)
    if (refused := pinning.revoked(parties, party, wanted)) is not None:
        return refused
    found = info(file)
    if any(key.secret for key in found) or b"PRIVATE KEY BLOCK" in file.read_bytes():
        return Refused("218")
    if len(found) != 1 or not re.fullmatch(r"[0-9A-F]{40}", wanted) or found[0].fingerprint != wanted:
        return Refused("217", {"keys": len(found)})
    with scratch() as folder:
        stranger = engine(folder, "--no-autostart")
        stranger.import_keys_file(str(file.absolute()))
        armored = str(stranger.export_keys(wanted, minimal=True)).encode("ascii")
    if valid_from is None:
        _pin(parties, party, KeyFile(keys / f"{party}.asc", armored), {"key": wanted})
    else:
        following = {**pinning.read(parties, party).get("next", {}), "valid_from": valid_from, "key": wanted}
        _pin(parties, party, KeyFile(keys / f"{party}.next.asc", armored), {}, following)
    return Ok(found[0])


def import_sm(
    keys: Path, parties: Path, file: Path, party: str, fingerprint: str, days: Days = ANY_DAY
) -> Outcome[str]:
    """Pin a partner's SM2 key, PEM: as `import_partner` does, with the same refusals."""
    wanted = pinning.normal(fingerprint)
    if (refused := pinning.revoked(parties, party, wanted)) is not None:
        return refused
    data = file.read_bytes()
    if b"PRIVATE KEY" in data:
        return Refused("218")
    try:
        key = sm_keys.read_public(data)
    except sm_keys.KeyFileError:
        return Refused("217", {"keys": 0})
    if key.fingerprint != wanted:
        return Refused("217", {"keys": 1})
    values: dict[str, pinning.Value] = {"sm_key": wanted, "sm_valid_until": days.last}
    if days.first is None:
        _pin(parties, party, KeyFile(keys / f"{party}.sm2.pem", key.pem), values)
    else:
        following = {**pinning.read(parties, party).get("next", {}), "valid_from": days.first, **values}
        _pin(parties, party, KeyFile(keys / f"{party}.next.sm2.pem", key.pem), {}, following)
    return Ok(wanted)


def end_overlap(keys: Path, parties: Path, party: str) -> tuple[str, ...]:
    """The party's next keys become its keys; signatures by those that they replace are
    accepted no more. Returns the new fingerprints. Raises `KeyringError` where there is no next key."""
    following = pinning.read(parties, party).get("next")
    if not following:
        raise KeyringError("there is no next key")
    for name in ("asc", "sm2.pem"):
        fresh = keys / f"{party}.next.{name}"
        if fresh.exists() and ("sm_key" if name.endswith("pem") else "key") in following:
            durable.write_bytes(keys / f"{party}.{name}", fresh.read_bytes(), 0o644)
    values = {key: following[key] for key in ("key", "sm_key") if key in following}
    if "sm_key" in following:
        values["sm_valid_until"] = following.get("sm_valid_until")
    pinning.write(parties, party, values, {})
    for name in ("asc", "sm2.pem"):
        durable.remove(keys / f"{party}.next.{name}")
    return tuple(following[key] for key in ("key", "sm_key") if key in following)


def give_up(parties: Path, party: str, fingerprint: str) -> None:
    """Enter a fingerprint as revoked: nothing is sealed for it, no signature by it is accepted, and it cannot be
    pinned again. Raises `KeyringError` where it is no key of the party."""
    wanted, held = pinning.normal(fingerprint), pinning.read(parties, party)
    known = [*(held.get(k) for k in ("key", "sm_key")), *(held.get("next", {}).get(k) for k in ("key", "sm_key"))]
    if wanted not in known:
        raise KeyringError("not a key of this party")
    pinning.write(parties, party, {"revoked": list(dict.fromkeys([*held.get("revoked", []), wanted]))})


def _pin(
    parties: Path,
    party: str,
    key: KeyFile,
    values: Mapping[str, pinning.Value],
    following: Mapping[str, pinning.Value] | None = None,
) -> None:
    """The key's file first: a pin without its file would stop sealing, a file without a pin changes nothing."""
    text = pinning.fact_file(parties, party).read_text("utf-8")
    pinning.edited(text, values, following)
    durable.make_folder(key.path.parent, 0o755)
    durable.write_bytes(key.path, key.content, 0o644)
    pinning.write(parties, party, values, following)


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


def together(private: Path, rings: Sequence[Path]) -> Path:
    """One keyring that holds what `rings` hold: the one itself, or a file made of several. gpg takes at most 40 beside
    its own, and an exchange has more partners than that."""
    if len(rings) == 1:
        return rings[0]
    folder = private.absolute() / "keyrings"
    content = b"".join(ring.read_bytes() for ring in rings)
    target = folder / f"together-{hashlib.sha256(content).hexdigest()[:16]}.gpg"
    with locked(folder / ".lock"):
        if not target.exists():
            for old in folder.glob("together-*.gpg"):
                durable.remove(old)
            durable.write_bytes(target, content)
    return target
