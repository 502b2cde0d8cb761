"""The node's own key."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Literal

from gateway import durable
from gateway.adapters.keyring.home import KeyringError, engine, home, passphrase_file, stop_agent
from gateway.adapters.keyring.reading import KeyInfo, read

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
    if not uid or not uid.isprintable() or len(uid) > 200:
        raise KeyringError("the key's name is not one printable line")
    durable.make_folder(private)
    private.chmod(0o700)
    if (private / "fingerprint").exists():
        raise KeyringError("this node has a key already")
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
        f"Name-Real: {uid}",
        "Expire-Date: 2y",
        # No AEAD among them: gpg 2.4 would then seal for us what a partner's 2.2 tools cannot make or check.
        "Preferences: AES256 AES192 AES SHA256 SHA512 SHA384 Uncompressed",
        f"Passphrase: {passphrase.read_text().splitlines()[0]}",
        "%commit",
    ]
    try:
        made = engine(home(private), "--pinentry-mode", "loopback").gen_key("\n".join(parameters) + "\n")
        if not re.fullmatch(r"[0-9A-F]{40}", made.fingerprint or ""):
            raise KeyringError("gpg made no key")
    finally:
        stop_agent(private)
    for path in sorted(gnupg_home.rglob("*")):
        if path.is_file():
            durable.sync_file(path)
    durable.write_bytes(private / "fingerprint", f"{made.fingerprint}\n".encode())
    return str(made.fingerprint)


def own_fingerprint(private: Path) -> str:
    """The pin of our own key, as `generate` wrote it."""
    try:
        text = (private / "fingerprint").read_text("ascii").strip()
    except OSError as error:
        raise KeyringError("this node has no key yet") from error
    if not re.fullmatch(r"[0-9A-F]{40}", text):
        raise KeyringError("the pin of the node's key is not a fingerprint")
    return text


def public_key(private: Path) -> bytes:
    """Our public key, armored: what partners import."""
    exported = engine(home(private)).export_keys(own_fingerprint(private), minimal=True)
    if "BEGIN PGP PUBLIC KEY BLOCK" not in exported:
        raise KeyringError("the node's public key cannot be exported")
    return str(exported).encode("ascii")


def own_info(private: Path) -> KeyInfo:
    """Our key as the home holds it."""
    wanted = own_fingerprint(private)
    for found in read(engine(home(private)).list_keys()):
        if found.fingerprint == wanted:
            return found
    raise KeyringError("the node's key is not in its keyring")
