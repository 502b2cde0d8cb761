"""The node's own key."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, date, datetime
from pathlib import Path
from time import time
from typing import Literal

from gateway import durable
from gateway.adapters.sealing.keyring.home import KeyringError, agent_runs, engine, home, passphrase_file, stop_agent
from gateway.adapters.sealing.keyring.reading import KeyInfo, read

Algorithm = Literal["ed25519", "rsa3072"]
_KEY_PARAMETERS = {
    "ed25519": ("Key-Type: EDDSA", "Key-Curve: ed25519", "Subkey-Type: ECDH", "Subkey-Curve: cv25519"),
    "rsa3072": ("Key-Type: RSA", "Key-Length: 3072", "Subkey-Type: RSA", "Subkey-Length: 3072"),
}
# `s2k-count`: the passphrase is random, stretching it would only cost each operation a third of a second.
_AGENT_CONF = (
    "auto-expand-secmem\nallow-loopback-pinentry\ns2k-count 65536\ndefault-cache-ttl 86400\nmax-cache-ttl 86400\n"
)


def generate(private: Path, uid: str, *, algorithm: Algorithm = "ed25519") -> str:
    """Make the node's key: a primary key that signs and a subkey that encrypts, valid for two years, protected by a
    random passphrase of 256 bits. Returns the primary fingerprint (40 hex digits, upper case).

    Raises `KeyringError` where a key is there already (rotation is another command) or gpg fails.
    """
    _named(uid)
    durable.make_folder(private)
    private.chmod(0o700)
    if (private / "fingerprint").exists():
        raise KeyringError("this node has a key already")
    fingerprint = _make(private, uid, algorithm)
    durable.write_bytes(private / "fingerprint", f"{fingerprint}\n".encode())
    return fingerprint


def generate_next(private: Path, uid: str, valid_from: date, *, algorithm: Algorithm = "ed25519") -> str:
    """Make the key that signs from `valid_from` on; until then, and after, both open what partners seal for us.

    Raises `KeyringError` where a rotation is under way already."""
    own_fingerprint(private)
    if (private / "next").exists():
        raise KeyringError("a next key is there already: finish that rotation first")
    fingerprint = _make(private, uid, algorithm)
    durable.write_bytes(private / "next", f"{fingerprint} {valid_from.isoformat()}\n".encode())
    return fingerprint


def finish(private: Path) -> str:
    """The next key becomes the key; the former one still opens what was sealed for it. Returns its fingerprint."""
    found = _following(private)
    if found is None:
        raise KeyringError("there is no next key")
    former = private / "former"
    earlier = former.read_text("ascii") if former.exists() else ""
    durable.write_bytes(former, f"{earlier}{_pinned(private)}\n".encode())
    durable.write_bytes(private / "fingerprint", f"{found[0]}\n".encode())
    durable.remove(private / "next")
    return found[0]


def revoke(private: Path, fingerprint: str) -> bytes:
    """Apply the revocation certificate that gpg made together with the key. Returns the public key with it, armored:
    what partners import so that they refuse the key too. It cannot be undone."""
    if fingerprint not in own_fingerprints(private):
        raise KeyringError("not a key of this node")
    certificate = private / "gnupg" / "openpgp-revocs.d" / f"{fingerprint}.rev"
    try:
        text = certificate.read_text("utf-8").replace(":-----BEGIN", "-----BEGIN")
    except OSError as error:
        raise KeyringError("the revocation certificate is missing") from error
    engine(home(private)).import_keys(text)
    if not next(key for key in own_infos(private) if key.fingerprint == fingerprint).revoked:
        raise KeyringError("gpg did not take the revocation certificate")
    return public_key(private, fingerprint)


def _named(uid: str) -> str:
    """A name that cannot bring parameters of its own."""
    if not uid or not uid.isprintable() or len(uid) > 200:
        raise KeyringError("the key's name is not one printable line")
    return uid


def _make(private: Path, uid: str, algorithm: Algorithm) -> str:
    gnupg_home = private / "gnupg"
    durable.make_folder(gnupg_home)
    gnupg_home.chmod(0o700)
    durable.write_bytes(gnupg_home / "gpg-agent.conf", _AGENT_CONF.encode())
    try:
        passphrase = passphrase_file(private)
    except KeyringError:
        if (private / "passphrase").exists():
            raise
        durable.write_bytes(private / "passphrase", secrets.token_urlsafe(32).encode() + b"\n")
        passphrase = passphrase_file(private)
    parameters = [
        *_KEY_PARAMETERS[algorithm][:2],
        "Key-Usage: sign",
        *_KEY_PARAMETERS[algorithm][2:],
        "Subkey-Usage: encrypt",
        f"Name-Real: {_named(uid)}",
        "Expire-Date: 2y",
        # No AEAD among them: gpg 2.4 would then seal for us what a partner's 2.2 node cannot make or check.
        "Preferences: AES256 AES192 AES SHA256 SHA512 SHA384 Uncompressed",
        f"Passphrase: {passphrase.read_text().splitlines()[0]}",
        "%commit",
    ]
    shared = agent_runs(private)
    try:
        made = engine(home(private), "--pinentry-mode", "loopback").gen_key("\n".join(parameters) + "\n")
        if not re.fullmatch(r"[0-9A-F]{40}", made.fingerprint or ""):
            raise KeyringError("gpg made no key")
    finally:
        if not shared:
            stop_agent(private)
    for path in sorted(gnupg_home.rglob("*")):
        if path.is_file():
            durable.sync_file(path)
    return str(made.fingerprint)


def own_fingerprint(private: Path) -> str:
    """The fingerprint of the key that signs today: the pinned one, or the next one from its date on."""
    found = _following(private)
    return found[0] if found and found[1] <= today() else _pinned(private)


def own_fingerprints(private: Path) -> tuple[str, ...]:
    """Every key of ours that opens what partners seal: the one that signs today first, then next and former ones."""
    former = private / "former"
    found = _following(private)
    known = [own_fingerprint(private), _pinned(private), *([found[0]] if found else [])]
    known += former.read_text("ascii").split() if former.exists() else []
    return tuple(dict.fromkeys(known))


def next_key(private: Path) -> tuple[str, date] | None:
    """The next key and the day from which on it signs, while a rotation is under way."""
    return _following(private)


def today() -> date:
    """The host's day: gpg judges keys by the host's clock, also in a rehearsal."""
    return datetime.fromtimestamp(time(), UTC).astimezone().date()


def _following(private: Path) -> tuple[str, date] | None:
    try:
        fingerprint, day = (private / "next").read_text("ascii").split()
        return fingerprint, date.fromisoformat(day)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise KeyringError("the pin of the node's next key cannot be read") from error


def _pinned(private: Path) -> str:
    """The pin of our own key, as `generate` wrote it."""
    try:
        text = (private / "fingerprint").read_text("ascii").strip()
    except OSError as error:
        raise KeyringError("this node has no key yet") from error
    if not re.fullmatch(r"[0-9A-F]{40}", text):
        raise KeyringError("the pin of the node's key is not a fingerprint")
    return text


def public_key(private: Path, fingerprint: str | None = None) -> bytes:
    """Our public key (by default the one that signs today), armored: what partners import."""
    exported = engine(home(private)).export_keys(fingerprint or own_fingerprint(private), minimal=True)
    if "BEGIN PGP PUBLIC KEY BLOCK" not in exported:
        raise KeyringError("the node's public key cannot be exported")
    return str(exported).encode("ascii")


def own_info(private: Path) -> KeyInfo:
    """The key that signs today, as the home holds it."""
    return own_infos(private)[0]


def own_infos(private: Path) -> tuple[KeyInfo, ...]:
    """All of `own_fingerprints`, as the home holds them. Raises `KeyringError` where the first is not there."""
    held = {found.fingerprint: found for found in read(engine(home(private)).list_keys())}
    wanted = own_fingerprints(private)
    if wanted[0] not in held:
        raise KeyringError("the node's key is not in its keyring")
    return tuple(held[fingerprint] for fingerprint in wanted if fingerprint in held)
