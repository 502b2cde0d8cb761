"""The tray: where files change hands with a worker that is another user.

```
tray/                         daemon:worker's group, 2710 (made by tmpfiles.d): its group is inherited
     schemas/<key>/     what the rules are read from, once per edition
     <parcel>/source          0640: the worker reads it
     <parcel>/out/            0770: the worker writes here
```

The worker is never believed. What it laid out is copied, never renamed, and only under the names an examination writes,
only regular files with one name, no link followed: it could otherwise lead the daemon to files the worker may not read,
or change a result after it was judged. The copies on the tray are gone when the job is.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

from gateway import durable
from gateway.ports import ExamineJob

SCHEMAS, SOURCE, OUT = "schemas", "source", "out"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\.(?:csv|xlsx)")
_FOLDERS = ("parts", "repeats")


class Planted(Exception):
    """Something lies on the tray that no examination writes. The message holds no name: another wrote it."""


class Tray:
    """The tray in a folder. A job's place is named after its parcel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clear(self) -> None:
        """Make the folder, and remove what an earlier run left: nothing of it is adopted. Raises `OSError`."""
        durable.make_folder(self.folder, 0o710)
        for entry in self.folder.iterdir():
            shutil.rmtree(entry, ignore_errors=True)

    def lend(self, name: str, job: ExamineJob) -> ExamineJob:
        """The job with its source and rules laid out for the worker. Raises `OSError`."""
        place = self._fresh(name)
        # The name's ending is kept: readers look at it.
        source = place / (SOURCE + job.source.suffix)
        shutil.copyfile(job.source, source)
        source.chmod(0o640)
        return replace(job, source=source, out=place / OUT, schemas=self._rules(job.schemas))

    def probe(self, name: str) -> tuple[Path, Path]:
        """A source of a few bytes, and a folder for what the worker makes of it."""
        place = self._fresh(name)
        (place / SOURCE).write_bytes(b"probe\n")
        (place / SOURCE).chmod(0o640)
        return place / SOURCE, place / OUT

    def take(self, name: str, out: Path) -> None:
        """Copy what the worker wrote into `out`, durably. Raises `Planted`, `OSError`."""
        descriptor = os.open(self.folder / name / OUT, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            self._copy(descriptor, out, deeper=True)
        finally:
            os.close(descriptor)

    def give_back(self, name: str) -> None:
        """Remove what was laid out for a job and what the worker left, after success and failure alike."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def _fresh(self, name: str) -> Path:
        """`<name>/` with an empty `out/`. Modes are set last: a chmod drops the bit by which the group is inherited."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o710)
        (place / OUT).mkdir()
        (place / OUT).chmod(0o770)
        return place

    def _rules(self, schemas: Path) -> Path:
        """A copy of the schemas that the worker may read, made once per edition."""
        files = sorted(p for p in schemas.rglob("*") if p.is_file())
        described = [(str(p.relative_to(schemas)), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
        place = self.folder / SCHEMAS / hashlib.sha256(repr(described).encode()).hexdigest()[:24]
        if place.is_dir():
            return place
        place.parent.mkdir(mode=0o710, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".", dir=place.parent))
        try:
            for file in files:
                target = temporary / file.relative_to(schemas)
                target.parent.mkdir(exist_ok=True, parents=True)
                shutil.copyfile(file, target)
                target.chmod(0o640)
            for folder, _, _ in os.walk(temporary, topdown=False):
                Path(folder).chmod(0o750)
            temporary.rename(place)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            if not place.is_dir():  # otherwise another thread has put the same copy there meanwhile
                raise
        return place

    def _copy(self, folder: int, into: Path, *, deeper: bool) -> None:
        for name in sorted(os.listdir(folder)):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode) and deeper and name in _FOLDERS:
                durable.make_folder(into / name)
                descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                try:
                    self._copy(descriptor, into / name, deeper=False)
                finally:
                    os.close(descriptor)
            elif _NAME.fullmatch(name):
                self._copy_file(folder, name, into / name)
            else:
                raise Planted
        durable.sync_folder(into)

    @staticmethod
    def _copy_file(folder: int, name: str, target: Path) -> None:
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError as error:
            raise Planted from error
        with os.fdopen(descriptor, "rb") as source:
            found = os.fstat(source.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise Planted
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(target, flags, 0o600), "wb") as copy:
                shutil.copyfileobj(source, copy, durable.CHUNK)
                copy.flush()
                os.fsync(copy.fileno())
