"""Events from the drop folders, as an alarm clock and nothing more.

inotify loses events when its queue overflows, says nothing of writes from the other side of a share, and goes deaf when
a folder is replaced or a share is mounted again (watchdog #654, #663, #829). So an event only sets a flag; who waits
for the flag scans anyway when the time is up; and every wait first looks whether the watch still hears.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePath, PurePosixPath

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.polling import PollingObserver

from gateway.adapters.channels.folders.root import ExchangeRoot

# Its records name files, which are personal data here.
logging.getLogger("watchdog").setLevel(logging.CRITICAL + 1)

_EVENTS: list[type[FileSystemEvent]] = [FileCreatedEvent, FileClosedEvent, FileMovedEvent]
Identity = tuple[int, int]
_LIMITS = {errno.EMFILE: "fs.inotify.max_user_instances", errno.ENOSPC: "fs.inotify.max_user_watches"}


class _Alarm(FileSystemEventHandler):
    """Sets the flag for any visible name. Our own renames and removals, and files still being written, are hidden or
    not asked for, so that a scan does not wake itself."""

    def __init__(self, flag: threading.Event) -> None:
        self._flag = flag

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Hidden names are ours, or not complete yet: they wake nobody."""
        try:
            name = PurePath(str(event.dest_path or event.src_path)).name
            if not name.startswith("."):
                self._flag.set()
        except Exception:  # an exception here would kill the observer for good
            self._flag.set()


class Watch:
    """Watches folders that may not exist yet, may be replaced, and may come and go with a mount. One thread may stop it
    while another waits."""

    def __init__(
        self,
        folders: Iterable[Path],
        wake: threading.Event | None = None,
        *,
        network: bool = False,
        poll_seconds: float = 5.0,
        root: ExchangeRoot | None = None,
    ) -> None:
        """With `network` the folders are polled every `poll_seconds`: a share tells nothing of what others write.
        With `root`, below which they lie, a folder that can be entered only through a link is not watched."""
        self.wake = wake or threading.Event()
        self._folders = list(folders)
        self._network = network
        self._poll_seconds = poll_seconds
        self._root = root
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, tuple[ObservedWatch, Identity]] = {}
        self._turn, self._stopped = threading.Lock(), False
        self.limit = ""
        """The limit of the system for which some folder is not heard, by its name: it is scanned all the same."""

    def start(self) -> None:
        """Begin to watch; folders that are missing are taken up by `mend` once they are there."""
        with self._turn:
            self._stopped = False
        self.mend()

    def stop(self) -> None:
        """End all threads. Idempotent; nothing is watched after it, also where another thread is in `mend`."""
        with self._turn:
            self._stopped = True
            observer, self._observer = self._observer, None
            self._watches.clear()
        if observer is not None and observer.is_alive():
            observer.stop()
            observer.join(10)

    def wait(self, seconds: float) -> bool:
        """`mend`, then wait for an event, at most `seconds`. True when there was one; clears the flag."""
        self.mend()
        woken = self.wake.wait(seconds)
        self.wake.clear()
        return woken

    def mend(self) -> int:
        """Replace a dead observer, watch folders that were replaced or have come; how many were taken up.

        Every one taken up sets the flag: what came while it was not watched is to be scanned for.
        """
        with self._turn:
            return 0 if self._stopped else self._mend()

    def _mend(self) -> int:
        self.limit = ""
        if self._observer is None or not self._observer.is_alive():
            if self._observer is not None:
                self._observer.unschedule_all()  # its emitters live on without it
            self._watches.clear()
            try:
                self._observer = PollingObserver(timeout=self._poll_seconds) if self._network else Observer()
                self._observer.start()
            except OSError as error:
                self._observer = None
                self._note(error)
                return 0
        mended = sum(self._attend(self._observer, folder) for folder in self._folders)
        if mended:
            self.wake.set()
        return mended

    def is_deaf(self) -> bool:
        """Some folder is not watched now (missing, replaced, or its thread died)."""
        observer = self._observer
        if observer is None or not observer.is_alive():
            return True
        alive = {e.watch for e in observer.emitters if e.is_alive()}
        return any(
            folder not in self._watches
            or self._watches[folder][0] not in alive
            or self._watches[folder][1] != self._identity(folder)
            for folder in self._folders
        )

    def _attend(self, observer: BaseObserver, folder: Path) -> bool:
        identity = self._identity(folder)
        known = self._watches.get(folder)
        if known is not None:
            alive = any(e.watch == known[0] and e.is_alive() for e in list(observer.emitters))
            if alive and known[1] == identity:
                return False
            del self._watches[folder]
            with suppress(KeyError, OSError, RuntimeError):  # its emitter died and took the watch along
                observer.unschedule(known[0])
        if identity is None:
            return False
        try:
            scheduled = observer.schedule(_Alarm(self.wake), str(folder), event_filter=_EVENTS)
        except OSError as error:  # gone again, or no inotify watch left: the scan goes on without
            self._note(error)
            return False
        self._watches[folder] = (scheduled, identity)
        return True

    def _note(self, error: OSError) -> None:
        self.limit = _LIMITS.get(error.errno or 0, self.limit)

    def _identity(self, folder: Path) -> Identity | None:
        try:
            if self._root is None:
                status = folder.stat()
            else:
                with self._root.folder(PurePosixPath(folder.relative_to(self._root.path))) as descriptor:
                    status = os.fstat(descriptor)
        except OSError:
            return None
        return (status.st_dev, status.st_ino)
