"""Private keys of every make are found; public ones and ordinary texts are not taken for them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.loading import find
from gateway.policy.loading.secrets import holds_private_key

KEYS = [
    ed25519.Ed25519PrivateKey.generate(),
    ec.generate_private_key(ec.SECP256R1()),
    rsa.generate_private_key(65537, 2048),
]
PLAIN, SEALED = s.NoEncryption(), s.BestAvailableEncryption(b"passphrase")


@pytest.mark.parametrize("key", KEYS, ids=["ed25519", "p256", "rsa"])
def test_keys_in_pem_der_openssh_and_pkcs12_are_told_private_from_public(key: rsa.RSAPrivateKey) -> None:
    private = [
        key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, PLAIN),
        key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, SEALED),
        key.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, PLAIN),
        key.private_bytes(s.Encoding.PEM, s.PrivateFormat.OpenSSH, SEALED),
        pkcs12.serialize_key_and_certificates(b"n", key, None, None, SEALED),
    ]
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        private += [
            key.private_bytes(e, s.PrivateFormat.TraditionalOpenSSL, PLAIN) for e in (s.Encoding.PEM, s.Encoding.DER)
        ]
    private.append(private[0].decode().encode("utf-16"))
    private.append(b"# a comment\r\n" + private[0].replace(b"\n", b"\r\n"))
    assert [holds_private_key(data) for data in private] == [True] * len(private)
    public = key.public_key()
    for data in (
        public.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(s.Encoding.OpenSSH, s.PublicFormat.OpenSSH),
    ):
        assert not holds_private_key(data)


@pytest.fixture(scope="module")
def gnupg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("g")
    home.chmod(0o700)
    gpg(home, "--passphrase", "", "--quick-generate-key", "test", "ed25519", "sign", "1d")
    (fingerprint,) = [
        line.split(b":")[9] for line in gpg(home, "--list-keys", "--with-colons").splitlines() if line[:3] == b"fpr"
    ]
    gpg(home, "--passphrase", "", "--quick-add-key", fingerprint.decode(), "cv25519", "encr", "1d")
    yield home
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)


def gpg(home: Path, *arguments: str) -> bytes:
    command = ["gpg", "--homedir", str(home), "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.mark.parametrize("armor", [(), ("--armor",)], ids=["binary", "armored"])
def test_openpgp_keys_are_told_private_from_public(gnupg: Path, armor: tuple[str, ...]) -> None:
    public = gpg(gnupg, *armor, "--export")
    secret = gpg(gnupg, *armor, "--passphrase", "", "--export-secret-keys")
    subkeys = gpg(gnupg, *armor, "--passphrase", "", "--export-secret-subkeys")
    assert public
    assert not holds_private_key(public)
    assert holds_private_key(secret)
    assert holds_private_key(subkeys)
    assert holds_private_key(public + secret)
    assert holds_private_key(secret.replace(b"PRIVATE", b"PUBLIC"))


@given(st.binary(max_size=300))
def test_any_bytes_are_judged_without_an_error(data: bytes) -> None:
    assert holds_private_key(data) in (True, False)


@pytest.mark.parametrize(
    "path", sorted((find() / "schemas").rglob("*.*")) + sorted((find() / "config").rglob("*.toml"))
)
def test_nothing_that_ships_is_taken_for_a_private_key(path: Path) -> None:
    assert not holds_private_key(path.read_bytes())
