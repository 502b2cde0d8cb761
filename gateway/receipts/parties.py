"""Who issues a document and who receives it, as the document names them."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.policy.facts import Folders, Profile


@dataclass(frozen=True, slots=True)
class Issuer:
    """The node. `contact`: name and telephone of its operator. `fingerprint` is that of its key, as partners pinned it,
    in the `profile` of the signature. `folders`: what it calls the folders of its parties."""

    name: str
    contact: str = ""
    fingerprint: str = ""
    profile: Profile = "openpgp"
    folders: Folders = field(default_factory=Folders)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who gets a batch. `key` is the fingerprint it signs with, empty where none is known; `file_name`: how it is
    called in the names of files, where that is not its name."""

    name: str
    key: str = ""
    file_name: str = ""

    @property
    def in_files(self) -> str:
        return self.file_name or self.name
