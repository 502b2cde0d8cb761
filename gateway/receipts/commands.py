"""The commands a page asks people to copy, by the profile of the agreement. A test runs each as it is printed.

Names are put between double quotes: `gateway.receipts.naming` leaves nothing in them that a shell would read there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from gateway.policy.facts import Profile

SUFFIXES: dict[Profile, str] = {"openpgp": ".tar.zst.gpg", "sm": ".sm.tar", "plain-folder": ".xlsx"}
_DISTID = "-sigopt distid:1234567812345678"


@dataclass(frozen=True, slots=True)
class Commands:
    """What one profile asks of a receiver. `receiver_key` is the fingerprint it signs with; in profile `sm` the keys
    are the files `own.pem` and `node.pub.pem` of the how-to."""

    profile: Profile
    receiver_key: str = ""

    @property
    def suffix(self) -> str:
        return SUFFIXES[self.profile]

    def verify(self, file: str) -> str:
        """Check the node's detached signature over a document."""
        if self.profile == "sm":
            return f'openssl dgst -sm3 -verify node.pub.pem {_DISTID} -signature "{file}.sig" "{file}"'
        return f'gpg --verify "{file}.sig" "{file}"'

    def pin(self) -> str:
        """Print the fingerprint of the node's key, where checking a signature does not; empty otherwise."""
        return (
            "openssl pkey -pubin -in node.pub.pem -outform DER | openssl dgst -sm3 -r" if self.profile == "sm" else ""
        )

    def prepare(self) -> str:
        """What is done once before packages can be opened; empty where nothing is."""
        return f"cat > open-sm.sh <<'END'\n{_script()}END" if self.profile == "sm" else ""

    def open(self, package: str) -> str:
        """Open one package, in the folder it lies in; of a file that is not sealed, show its digest (on Windows)."""
        name = f"{package}{self.suffix}"
        match self.profile:
            case "sm":
                return f"FILE={name} bash open-sm.sh"
            case "plain-folder":
                return f'certutil -hashfile "{name}" SHA256'
        archive = f"{package}.tar"
        return f"gpg --output {archive}.zst --decrypt {name}\nzstd -d {archive}.zst\ntar -xf {archive}"

    def open_all(self) -> str:
        """Open every package of the folder, each into a folder of its own; one that is refused is named."""
        match self.profile:
            case "sm":
                return 'for f in *.sm.tar; do FILE="$f" bash open-sm.sh || echo "✕ $f"; done'
            case "plain-folder":
                return "sha256sum *.xlsx"
        return (
            f'for f in *{self.suffix}; do p="${{f%{self.suffix}}}"; mkdir -p "$p" && gpg -o "$p.tar.zst" -d "$f"'
            ' && zstd -dc "$p.tar.zst" | tar -x -C "$p"; done'
        )

    def sign(self, form: str) -> str:
        """Sign the acknowledgement form; empty where the form is returned unsigned."""
        match self.profile:
            case "sm":
                return f'openssl dgst -sm3 -sign own.pem {_DISTID} -out "{form}.sig" "{form}"'
            case "plain-folder":
                return ""
        return f'gpg --local-user {self.receiver_key or "KEY"} --detach-sign "{form}"'


@cache
def _script() -> str:
    """`open-sm.sh`, the same as in the how-to."""
    return files("gateway.receipts").joinpath("pages/open-sm.sh").read_text("utf-8")
