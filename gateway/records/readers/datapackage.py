"""A Data Package (datapackage.json and one table) as a zip archive: the table is taken out, as the descriptor names it.

The archive is another's: member names are checked, what is expanded is counted, and a size or SHA-256 that the
descriptor states has to be what is there.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import zlib
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from gateway import durable
from gateway.outcomes import Refused
from gateway.packages import NAMING
from gateway.records.readers.containers import DAMAGED, EXPANDED, NO_TABLE, PIECE, TOO_LARGE
from gateway.records.readers.encoding import is_zip

DESCRIPTOR = "datapackage.json"
ANOTHER = "255"
_LARGEST_DESCRIPTOR = 4 << 20
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_FLOOR, _FACTOR = 4 << 20, 50
"""What is taken out is written: no more than ten times what records hold that shrink to such an archive."""


def unpack(path: Path, into: Path, author: str = "") -> Path | Refused | None:
    """The package's one table, in the folder `into`. None: the file is no Data Package. `author`: who may be named as
    its sender and origin, where that is asked. Refused 255 (it names another: `claimed`), 301 (not one table), 310 (too
    large once expanded), 311 (damaged, or not what the descriptor says)."""
    if not is_zip(path):
        return None
    try:
        with ZipFile(path) as archive:
            if DESCRIPTOR not in archive.namelist():
                return None
            if archive.getinfo(DESCRIPTOR).file_size > _LARGEST_DESCRIPTOR:
                return Refused(TOO_LARGE, {"limit_mb": _LARGEST_DESCRIPTOR >> 20})
            descriptor = json.loads(archive.read(DESCRIPTOR))
            if author and (refused := _impersonates(descriptor, author)):
                return refused
            resource = _resource(descriptor)
            if resource is None or archive.namelist().count(resource["path"]) != 1:
                return Refused(NO_TABLE)
            return _expand(archive, resource, into, min(EXPANDED, _FLOOR + _FACTOR * path.stat().st_size))
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError):
        return Refused(DAMAGED)
    except OSError as error:
        if error.errno != errno.EINVAL:  # told to look before the beginning of the file: by the file
            raise
        return Refused(DAMAGED)


def _impersonates(descriptor: Any, author: str) -> Refused | None:
    """Whether it names somebody else. A name that is no id is not repeated: it could be a person's."""
    named = (descriptor.get(key, author) for key in NAMING) if isinstance(descriptor, dict) else ()
    for name in named:
        if name != author:
            known = isinstance(name, str) and _ID.fullmatch(name)
            return Refused(ANOTHER, {"claimed": name if known else ""})
    return None


def _resource(descriptor: Any) -> dict[str, Any] | None:
    """The one resource, if its path is one below the package."""
    resources = descriptor.get("resources") if isinstance(descriptor, dict) else None
    if not isinstance(resources, list) or len(resources) != 1 or not isinstance(resources[0], dict):
        return None
    name = resources[0].get("path")
    if not isinstance(name, str) or PurePosixPath(name).is_absolute() or {"..", ""} & set(name.split("/")):
        return None
    return resources[0]


def _expand(archive: ZipFile, resource: dict[str, Any], into: Path, limit: int) -> Path | Refused:
    digest, size = hashlib.sha256(), 0
    target = into / f"table{PurePosixPath(resource['path']).suffix[:8]}"
    with archive.open(resource["path"]) as member, target.open("xb") as table:
        while piece := member.read(PIECE):
            size += len(piece)
            if size > limit:
                return Refused(TOO_LARGE, {"limit_mb": limit >> 20})
            digest.update(piece)
            table.write(piece)
    durable.sync_file(target)
    stated = str(resource.get("hash", "")).lower().removeprefix("sha256:")
    if resource.get("bytes", size) != size or (len(stated) == 64 and stated != digest.hexdigest()):
        return Refused(DAMAGED)
    return target
