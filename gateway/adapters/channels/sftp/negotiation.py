"""Which algorithms this node speaks over SSH, and what is said of a server that shares none of them.

paramiko knows X25519 (RFC 8731) by the name libssh gave it alone; the registered name means the same exchange, so a
server that offers only the latter is talked to. What a node does not speak is told, never worked around.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, TypeAlias

import paramiko
from paramiko.kex_curve25519 import KexCurve25519

Kind: TypeAlias = Literal["kex", "host_key", "cipher", "mac", "compression"]

# What paramiko 5 still offers and no server of today needs.
DISABLED: Final[Mapping[str, tuple[str, ...]]] = {
    "ciphers": ("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"),
    "macs": ("hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"),
    "kex": (
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
        "diffie-hellman-group-exchange-sha1",
    ),
    "keys": ("ssh-rsa", "ssh-dss"),
    "pubkeys": ("ssh-rsa", "ssh-dss"),
}

_X25519, _X25519_LIBSSH = "curve25519-sha256", "curve25519-sha256@libssh.org"
# RFC 4251, section 6: printable, no comma, 64 characters at most; narrower here, for it is shown to people.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@.+_-]{0,63}")
_MOST = 24
# Stand in the lists beside algorithms and are none.
_MARKS = ("ext-info-", "kex-strict-")
_LISTS: Final[Mapping[Kind, tuple[str, tuple[str, ...]]]] = {
    "kex": ("preferred_kex", ("kex_algo_list",)),
    "host_key": ("preferred_keys", ("server_key_algo_list",)),
    "cipher": ("preferred_ciphers", ("client_encrypt_algo_list", "server_encrypt_algo_list")),
    "mac": ("preferred_macs", ("client_mac_algo_list", "server_mac_algo_list")),
    "compression": ("preferred_compression", ("client_compress_algo_list", "server_compress_algo_list")),
}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A kind of algorithm of which both sides have none in common: names as the server sent them, checked, and ours."""

    kind: Kind
    offered: tuple[str, ...]
    spoken: tuple[str, ...]


class Refused(paramiko.ssh_exception.IncompatiblePeer):
    """A handshake that cannot be: `detail` has every kind that stands in its way, not the first alone, with the names
    that the server offers and those that are spoken here."""

    def __init__(self, mismatches: Iterable[Mismatch]) -> None:
        super().__init__("nothing in common")
        self.detail: dict[str, str | int] = {}
        for mismatch in mismatches:
            self.detail[f"{mismatch.kind}_offered"] = ", ".join(mismatch.offered)
            self.detail[f"{mismatch.kind}_spoken"] = ", ".join(mismatch.spoken)


class Transport(paramiko.Transport):
    """paramiko's, with X25519 under its registered name too; a mismatch says what is offered and what is spoken."""

    _preferred_kex: ClassVar[tuple[str, ...]] = tuple(
        name
        for known in paramiko.Transport._preferred_kex  # type: ignore[attr-defined]
        for name in ((_X25519, known) if known == _X25519_LIBSSH else (known,))
    )
    _kex_info: ClassVar[Mapping[str, Any]] = {**paramiko.Transport._kex_info, _X25519: KexCurve25519}  # type: ignore[attr-defined]

    def _parse_kex_init(self, message: paramiko.Message) -> None:
        offered = self._really_parse_kex_init(paramiko.Message(message.asbytes()))  # type: ignore[attr-defined]
        try:
            super()._parse_kex_init(message)  # type: ignore[misc]
        except paramiko.ssh_exception.IncompatiblePeer as error:
            raise Refused(self._mismatches(offered)) from error
        spoken = [name for name in self.preferred_kex if name in offered["kex_algo_list"]]
        self.agreed: dict[Kind, str] = {
            "kex": spoken[0],
            "host_key": str(self.host_key_type),
            "cipher": self.local_cipher,
            "mac": str(self.local_mac),
        }

    def _mismatches(self, offered: Mapping[str, Any]) -> Iterable[Mismatch]:
        for kind, (ours, lists) in _LISTS.items():
            spoken = tuple(name for name in getattr(self, ours) if not name.endswith("-cert-v01@openssh.com"))
            for theirs in lists:
                if not set(offered[theirs]) & set(getattr(self, ours)):
                    yield Mismatch(kind, _shown(offered[theirs]), spoken)
                    break


def _shown(names: Iterable[str]) -> tuple[str, ...]:
    """The first of a server's names that are names, without the marks."""
    shown = [name for name in names if _NAME.fullmatch(name) and not name.startswith(_MARKS)]
    return tuple(shown[:_MOST])
