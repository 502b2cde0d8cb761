"""The publication of the log, in an order that no crash can turn into two histories.

1. The root of what is committed is signed and the note inserted into `checkpoints`: the commit point.
2. Tiles are written (temporary, fsync, rename, fsync of the folder), the `checkpoint` file last.
3. After a restart tiles are derived again and the stored note is published; nothing is signed a second time.

It refuses to sign when what is published, or what a witness cosigned, is ahead of the database: then the database is an
old copy, and signing would make a second history.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath

from gateway import durable
from gateway.adapters.ledger import Ledger, LedgerAway
from gateway.adapters.ledger.publication import SignedRow
from gateway.log import merkle, tiles
from gateway.log.merkle import WIDTH, Edge
from gateway.log.note import BadNote, Checkpoint, Note, Signer, read_checkpoint
from gateway.log.tiles import ARCHIVE, CHECKPOINT, ENTRIES, TileTree, path_of

MODE, FOLDER_MODE = 0o640, 0o750
LOCK = ".lock"


class PublicationFailed(Exception):
    """The disk failed in the middle of a publication. What was written is not known: only a new process may go on."""


class RolledBack(Exception):
    """The database is older than what was published or cosigned: nothing may be signed."""


class Contradiction(Exception):
    """The database says something else than what was signed: nothing may be signed."""


class NoSpace(Exception):
    """No space for tiles. Nothing is lost; the next round derives them again."""


class Publisher:
    """Publishes one log into `folder`. Not for use by two threads at once; several processes may race."""

    def __init__(self, ledger: Ledger, folder: Path, origin: str, signers: Callable[[], Sequence[Signer]]) -> None:
        self._ledger, self._folder, self._origin, self._signers = ledger, folder, origin, signers
        self._edge = Edge()
        self._bundle: list[bytes] = []
        self._stored: int | None = None
        self._failed = False
        self._ready = False
        self.published: Checkpoint | None = None

    # -- a round -----------------------------------------------------------------------------------------------------

    def publish(self, now: datetime) -> Checkpoint | None:
        """Sign and publish what was committed since the last round; `None` when there is nothing new.

        Raises `PublicationFailed` (this process may not go on), `NoSpace` (try again), `RolledBack`, `Contradiction`.
        """
        if self._failed:
            raise PublicationFailed
        try:
            with self._alone():
                return self._publish(now)
        except OSError as error:
            self._ready = False
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace from error
            self._failed = True
            raise PublicationFailed from error
        except LedgerAway as away:
            # A database that is away may come back; one that failed to write may not be trusted by this process.
            self._ready = False
            if away.damaged:
                self._failed = True
                raise PublicationFailed from away
            raise
        except LookupError as error:
            raise Contradiction from error

    def _publish(self, now: datetime) -> Checkpoint | None:
        with self._ledger.published() as tables:
            last = tables.signed()
        if not self._ready or (last.size if last else None) != self._stored:
            self._recover()  # first round, or another process published meanwhile
        with self._ledger.published() as tables:
            count, _ = tables.head()
            if count == (self._stored or 0):
                return None
            edge, full, bundle = self._grow(tables.bodies(self._edge.size, count))
        checkpoint = Checkpoint(self._origin, count, edge.root())
        note = checkpoint.signed(self._signers()).to_bytes()
        with self._ledger.publishing() as tables:
            tables.lock()
            last = tables.signed()
            if (last.size if last else None) != self._stored:
                raise Contradiction  # another process signs without this folder's lock
            tables.sign(count, note, now)
        self._stored = count
        self._write(edge, full, bundle, note, checkpoint)
        return checkpoint

    def recover(self) -> Checkpoint | None:
        """Bring the folder to what was last signed; sign nothing. Answers what is published then. Raises `OSError`,
        `RolledBack`, `Contradiction`."""
        try:
            with self._alone():
                return self._recover()
        except LookupError as error:
            raise Contradiction from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time writes into the folder. The kernel frees the lock of a process that was killed."""
        durable.make_folder(self._folder, FOLDER_MODE)
        descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _recover(self) -> Checkpoint | None:
        self._sweep()
        shown = self._shown()
        with self._ledger.published() as tables:
            count, _ = tables.head()
            last = tables.signed()
            ahead = max([shown[1].size if shown else 0, *self._archived(), last.size if last else 0])
            if ahead > (last.size if last else 0) or (last and last.size > count):
                raise RolledBack
            if shown is not None:
                self._same(shown, tables.signed(shown[1].size))
            if last is None:
                self._edge, self._bundle, self._stored, self._ready = Edge(), [], None, True
                return None
            signed = Checkpoint.parse(Note.parse(last.note).text)
            start = self._resume(shown[1] if shown else None)
            if start % WIDTH:
                self._bundle = list(tables.bodies(start // WIDTH * WIDTH, start))
            edge, full, bundle = self._grow(tables.bodies(start, last.size))
        if edge.root() != signed.root or signed.origin != self._origin:
            raise Contradiction
        self._stored = last.size
        self._write(edge, full, bundle, last.note, signed)
        self._ready = True
        return signed

    # -- the tree ----------------------------------------------------------------------------------------------------

    def _grow(self, bodies: Iterable[bytes]) -> tuple[Edge, list[tuple[int, int, bytes]], list[list[bytes]]]:
        """The edge after these entries, the tiles that became full, and the bundles from the current one on."""
        edge = self._edge.copy()
        bundles: list[list[bytes]] = [list(self._bundle)]
        leaves = []
        for body in bodies:
            if len(bundles[-1]) == WIDTH:
                bundles.append([])
            bundles[-1].append(body)
            leaves.append(merkle.leaf(body))
        return edge, edge.extend(leaves), bundles

    def _resume(self, shown: Checkpoint | None) -> int:
        """Set the edge to the published tree if its tiles are whole, else to the empty tree. Answers its size."""
        self._edge, self._bundle = Edge(), []
        if shown is None or not shown.size:
            return 0
        try:
            tree = TileTree(self._folder, shown.size)
            edge = tree.edge()
        except (OSError, ValueError):
            return 0
        if edge.root() != shown.root:
            return 0
        self._edge = edge
        return shown.size

    # -- the folder --------------------------------------------------------------------------------------------------

    def _write(
        self,
        edge: Edge,
        full: Sequence[tuple[int, int, bytes]],
        bundles: Sequence[Sequence[bytes]],
        note: bytes,
        checkpoint: Checkpoint,
    ) -> None:
        first = self._edge.size // WIDTH
        complete = []
        for offset, entries in enumerate(bundles):
            if entries:
                self._put(path_of(ENTRIES, first + offset, len(entries)), tiles.bundle(entries))
            if len(entries) == WIDTH:
                complete.append((ENTRIES, first + offset))
        for level, number, data in [*full, *edge.partial()]:
            self._put(path_of(level, number, len(data) // 32), data)
        durable.write_bytes(self._folder / CHECKPOINT, note, MODE)
        self._edge = edge
        self._bundle = list(bundles[-1]) if bundles and len(bundles[-1]) < WIDTH else []
        self.published = checkpoint
        complete += [(str(level), number) for level, number, _ in full]
        for name, number in complete:
            folder = self._folder / path_of(name, number)
            shutil.rmtree(folder.with_name(f"{folder.name}.p"), ignore_errors=True)

    def _put(self, relative: PurePosixPath, data: bytes) -> None:
        target = self._folder / relative
        if not target.parent.exists():
            durable.make_folder(target.parent, FOLDER_MODE)
        durable.write_bytes(target, data, MODE)

    def _sweep(self) -> None:
        """Temporaries of a process that was killed."""
        for left in [*self._folder.glob(".*.tmp"), *(self._folder / "tile").rglob(".*.tmp")]:
            left.unlink(missing_ok=True)

    def _shown(self) -> tuple[Note, Checkpoint] | None:
        try:
            data = (self._folder / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return read_checkpoint(data)
        except BadNote:
            raise Contradiction from None

    def _same(self, shown: tuple[Note, Checkpoint], row: SignedRow | None) -> None:
        if row is None:
            raise RolledBack
        if Note.parse(row.note).text != shown[0].text:
            raise Contradiction

    def _archived(self) -> list[int]:
        """Sizes that witnesses or authorities have seen, as the archive in the folder says."""
        folder = self._folder / ARCHIVE
        if not folder.is_dir():
            return []
        return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
