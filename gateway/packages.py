"""What an exchange package (交换包) says about itself: `datapackage.json`, its content digest and its id.

Pure: nothing here touches a disk or a clock. The form is a Frictionless Data Package (v1) with our own properties under
`gateway:`; partners read it, so a change of it is a new format. Format 2 has a key (`gateway:digest_key`), by which the
content digest, and with it the name, tell nothing to those who do not hold the package; format 1 has none, and is read
and written as it was.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import rfc8785

from gateway import digests
from gateway.parcels import Kind, PackageId

FORMAT, PLAIN_FORMAT = 2, 1
DESCRIPTOR = "datapackage.json"
NAMING = ("sender", "origin", "party", "gateway:sender", "gateway:origin")
"""Where what has no seal names its author: a note beside a file, a Data Package as a plain archive."""
_HEX64 = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,95}")


LARGEST_REVISION = 999_999
"""More than anybody corrects, and no more than a ledger's column holds."""


class DescriptorError(ValueError):
    """The descriptor is not one of ours. The message names a property, never a value."""


def content_digest(members: Mapping[str, str], key: str = "") -> str:
    """HMAC-SHA256 under `key` (without one, as in format 1, SHA-256; all in hex) over the lines `path sha256`, each
    ended by a line feed, sorted by path; `members` maps the path of each data member to its SHA-256. The descriptor
    itself is no data member."""
    lines = "".join(f"{path} {members[path]}\n" for path in sorted(members))
    return digests.keyed(key, lines) if key else hashlib.sha256(lines.encode()).hexdigest()


def package_id(agreement: str, origin: str, receiver: str, period: str, revision: int, digest: str) -> PackageId:
    """The id, also the sealed file's name without its endings. Where there is no period it says `none`; `origin` is
    followed by a dot and on whose behalf it is, where that is said (`440000.440106`): no party's id holds a dot."""
    return PackageId(f"{agreement}_{origin}_{receiver}_{period or 'none'}_r{revision}_{digest[:8]}")


def safe_path(path: str) -> bool:
    """Whether a member may bear this name: relative, no empty, `.` or `..` part, no backslash, no control character,
    at most 100 bytes of UTF-8 (the name field of a ustar header)."""
    return (
        0 < len(path.encode("utf-8", "replace")) <= 100
        and all(part not in ("", ".", "..") for part in path.split("/"))
        and not any(c == "\\" or unicodedata.category(c).startswith("C") for c in path)
    )


@dataclass(frozen=True, slots=True)
class Resource:
    """One data member. `path` lies under `data/`; `bytes` is its length, `sha256` hex; `schema` a Table Schema."""

    name: str
    path: str
    bytes: int
    sha256: str
    schema: Mapping[str, Any] | None = None
    mediatype: str = "text/csv"
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Everything `datapackage.json` says. `sender` signs, `origin` reported; the ids are party ids. `reported_for` is
    on whose behalf this part of the origin's submission is, where the origin collects it. The content digest and the
    package id follow from the rest and are written and checked, never stored. `digest_key` (32 bytes in hex) is that of
    the part in the log, so that the holder of the package can find it there; without one the format is 1."""

    agreement: str
    sender: str
    origin: str
    receiver: str
    period: str
    kind: Kind
    revision: int
    records: int
    created: datetime
    resources: tuple[Resource, ...]
    replaces: str | None = None
    derived_from: str | None = None
    log_origin: str | None = None
    title: str | None = None
    reported_for: str | None = None
    digest_key: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content_digest(self) -> str:
        return content_digest({r.path: r.sha256 for r in self.resources}, self.digest_key)

    @property
    def package_id(self) -> PackageId:
        origin = f"{self.origin}.{self.reported_for}" if self.reported_for else self.origin
        return package_id(self.agreement, origin, self.receiver, self.period, self.revision, self.content_digest)

    def to_json(self) -> bytes:
        """The canonical form (RFC 8785): the same package gives the same bytes."""
        document: dict[str, Any] = {
            **self.extra,
            "name": self.package_id.lower(),
            "created": self.created.isoformat(timespec="seconds"),
            "resources": [_resource(r) for r in self.resources],
            "gateway:format": FORMAT if self.digest_key else PLAIN_FORMAT,
            "gateway:package_id": self.package_id,
            "gateway:agreement": self.agreement,
            "gateway:sender": self.sender,
            "gateway:origin": self.origin,
            "gateway:receiver": self.receiver,
            "gateway:period": self.period,
            "gateway:kind": self.kind.value,
            "gateway:revision": self.revision,
            "gateway:replaces": self.replaces,
            "gateway:records": self.records,
            "gateway:derived_from": self.derived_from,
            "gateway:content_digest": self.content_digest,
            "gateway:log_origin": self.log_origin,
        }
        if self.digest_key:
            document["gateway:digest_key"] = self.digest_key
        if self.title is not None:
            document["title"] = self.title
        if self.reported_for is not None:
            document["gateway:reported_for"] = self.reported_for
        return rfc8785.dumps(document)

    @classmethod
    def parse(cls, data: bytes) -> Descriptor:
        """Read a descriptor somebody else wrote. Raises `DescriptorError` for anything that is not format 1 or 2 in
        full, for unsafe or doubled paths, and where the stated digest or id does not follow from the rest."""
        try:
            document = json.loads(data, object_pairs_hook=_once)
        except (UnicodeDecodeError, RecursionError, ValueError) as error:
            raise DescriptorError("not one JSON object without doubled keys") from error
        if not isinstance(document, dict) or document.get("gateway:format") not in (FORMAT, PLAIN_FORMAT):
            raise DescriptorError("gateway:format")
        resources = document.get("resources")
        if not isinstance(resources, list) or not resources:
            raise DescriptorError("resources")
        found = cls(
            agreement=_token(document, "gateway:agreement"),
            sender=_token(document, "gateway:sender"),
            origin=_token(document, "gateway:origin"),
            receiver=_token(document, "gateway:receiver"),
            period=_token(document, "gateway:period", empty=True),
            kind=_kind(document),
            revision=_revision(document),
            records=_count(document, "gateway:records"),
            created=_created(document),
            resources=tuple(_parse_resource(r) for r in resources),
            replaces=_text(document, "gateway:replaces"),
            derived_from=_text(document, "gateway:derived_from"),
            log_origin=_text(document, "gateway:log_origin"),
            title=_text(document, "title"),
            reported_for=_token(document, "gateway:reported_for") if "gateway:reported_for" in document else None,
            digest_key=_key(document),
        )
        _all_different([r.path for r in found.resources])
        if document.get("gateway:content_digest") != found.content_digest:
            raise DescriptorError("gateway:content_digest")
        if document.get("gateway:package_id") != found.package_id:
            raise DescriptorError("gateway:package_id")
        return found


def _resource(resource: Resource) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": resource.name,
        "path": resource.path,
        "bytes": resource.bytes,
        "hash": f"sha256:{resource.sha256}",
        "mediatype": resource.mediatype,
        "encoding": resource.encoding,
    }
    if resource.schema is not None:
        document["schema"] = dict(resource.schema)
    return document


def _parse_resource(document: object) -> Resource:
    if not isinstance(document, dict):
        raise DescriptorError("resources[]")
    path, digest = document.get("path"), document.get("hash")
    if not isinstance(path, str) or not path.startswith("data/") or not safe_path(path):
        raise DescriptorError("resources[].path")
    if not isinstance(digest, str) or not digest.startswith("sha256:") or not _HEX64.fullmatch(digest[7:]):
        raise DescriptorError("resources[].hash")
    schema = document.get("schema")
    if schema is not None and not isinstance(schema, dict):
        raise DescriptorError("resources[].schema")
    return Resource(
        name=_text(document, "name") or path.removeprefix("data/"),
        path=path,
        bytes=_count(document, "bytes"),
        sha256=digest[7:],
        schema=schema,
        mediatype=_text(document, "mediatype") or "application/octet-stream",
        encoding=_text(document, "encoding") or "utf-8",
    )


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers of a JSON object with a doubled key may see two different packages."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("doubled key")
    return document


def _all_different(paths: Sequence[str]) -> None:
    """Names that one file system would fold into one are doubles too."""
    if len({unicodedata.normalize("NFC", p).casefold() for p in paths}) != len(paths):
        raise DescriptorError("resources[].path is doubled")


def _token(document: Mapping[str, Any], key: str, *, empty: bool = False) -> str:
    value = document.get(key)
    if isinstance(value, str) and (_TOKEN.fullmatch(value) or (empty and not value)):
        return value
    raise DescriptorError(key)


def _text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is None or isinstance(value, str):
        return value
    raise DescriptorError(key)


def _count(document: Mapping[str, Any], key: str) -> int:
    value = document.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53:
        return value
    raise DescriptorError(key)


def _revision(document: Mapping[str, Any]) -> int:
    revision = _count(document, "gateway:revision")
    if revision > LARGEST_REVISION:
        raise DescriptorError("gateway:revision")
    return revision


def _key(document: Mapping[str, Any]) -> str:
    """Format 2 has one, format 1 has none: a package cannot be read as one of the other format."""
    value = document.get("gateway:digest_key")
    if document["gateway:format"] == PLAIN_FORMAT and value is None:
        return ""
    if document["gateway:format"] == FORMAT and isinstance(value, str) and _HEX64.fullmatch(value):
        return value
    raise DescriptorError("gateway:digest_key")


def _kind(document: Mapping[str, Any]) -> Kind:
    try:
        return Kind(str(document.get("gateway:kind")))
    except ValueError as error:
        raise DescriptorError("gateway:kind") from error


def _created(document: Mapping[str, Any]) -> datetime:
    value = document.get("created")
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError as error:
        raise DescriptorError("created") from error
    if moment is None or moment.tzinfo is None:
        raise DescriptorError("created")
    return moment
