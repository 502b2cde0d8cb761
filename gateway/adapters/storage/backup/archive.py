"""The archive: tar → zstd → gpg, by stock tools `gpg -d FILE | zstd -dc | tar x`.

An archive that is opened was signed by the node whose public key the operator gives; one that stock gpg has decrypted
before may be given plain. Only regular files below the known folders are unpacked.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import zstandard

from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.openpgp.status import Status
from gateway.adapters.storage.backup.gathering import MANIFEST, Manifest

_ZSTD = b"\x28\xb5\x2f\xfd"
_TOPS = frozenset({"database", "facts", "state", "log"})
_WINDOW = 1 << 27


class BadArchive(Exception):
    """Not a backup, damaged, not to be decrypted here, or not by the node it should be by. Says which."""


def pack(gathered: Path, write: Callable[[bytes], None]) -> None:
    """Write what was gathered as a compressed tar, the manifest first, piece by piece through `write`."""
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()

    class Out:
        def write(self, data: bytes) -> int:
            if piece := compressor.compress(data):
                write(piece)
            return len(data)

    with tarfile.open(fileobj=cast(BinaryIO, Out()), mode="w|", format=tarfile.PAX_FORMAT, dereference=True) as tar:
        tar.add(gathered / MANIFEST, MANIFEST, filter=_plain)
        for path in sorted(gathered.rglob("*")):
            if path.name != MANIFEST or path.parent != gathered:
                tar.add(path, str(path.relative_to(gathered)), recursive=False, filter=_plain)
    write(compressor.flush())


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


@contextmanager
def opened(archive: Path, gnupg: Path | None, signer: Path | None) -> Iterator[BinaryIO]:
    """The compressed tar inside an archive. `gnupg`: the home of the offline key (default: the caller's own);
    `signer`: the node's public key. Raises `BadArchive`, at the latest when the stream is closed."""
    with archive.open("rb", buffering=0) as stream:  # gpg reads from the descriptor itself
        plain = stream.read(4) == _ZSTD
        stream.seek(0)
        if plain:
            yield cast(BinaryIO, stream)
            return
    with decrypted(archive, gnupg, signer) as content:
        yield content


@contextmanager
def decrypted(file: Path, gnupg: Path | None, signer: Path | None) -> Iterator[BinaryIO]:
    """What stock gpg makes of it; as `opened`."""
    with (
        file.open("rb", buffering=0) as stream,
        tempfile.TemporaryDirectory(prefix="gateway-restore-") as scratch,
    ):
        yield from _decrypted(cast(BinaryIO, stream), gnupg, signer, Path(scratch))


def _decrypted(stream: BinaryIO, gnupg: Path | None, signer: Path | None, scratch: Path) -> Iterator[BinaryIO]:
    command = ["gpg", "--batch", "--no-tty", "--trust-model", "always", "--no-auto-key-retrieve"]
    command += ["--homedir", str(gnupg)] if gnupg else []
    pinned = ""
    if signer is not None:
        keys = keyring.info(signer)
        if len(keys) != 1:
            raise BadArchive("the node's public key cannot be read")
        pinned, ring = keys[0].fingerprint, scratch / "signer.gpg"
        dearmor = ["gpg", "--batch", "--yes", "--output", str(ring), "--dearmor", str(signer)]
        subprocess.run(dearmor, capture_output=True, check=False)
        command += ["--keyring", str(ring)]
    status = scratch / "status"
    with subprocess.Popen(
        [*command, "--status-file", str(status), "--decrypt"],
        stdin=stream,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        damage: BadArchive | None = None
        try:
            yield cast(BinaryIO, process.stdout)
        except BadArchive as error:  # what gpg says of it comes first
            damage = error
        except BaseException:
            process.kill()
            raise
        while process.stdout.read(1 << 20):
            pass
    _judge(Status.parse(process.returncode, status.read_bytes() if status.exists() else b""), pinned)
    if damage is not None:
        raise damage


def _judge(status: Status, pinned: str) -> None:
    if status.count("DECRYPTION_OKAY") != 1 or status.count("PLAINTEXT") != 1:
        raise BadArchive("it cannot be decrypted here: the offline key is needed")
    if pinned and [made[-1] for made in status.every("VALIDSIG")] != [pinned]:
        raise BadArchive("it is not signed by this node")


def unpack(stream: BinaryIO, into: Path) -> Manifest:
    """Unpack below `into`, which is empty; files 0600, folders 0700. Raises `BadArchive`."""
    reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(stream, read_across_frames=True)
    try:
        with tarfile.open(fileobj=reader, mode="r|") as tar:
            first = tar.next()
            if first is None or first.name != MANIFEST or not first.isreg() or first.size > 1 << 20:
                raise BadArchive("it is no backup of a gateway")
            held = tar.extractfile(first)
            assert held is not None
            manifest = Manifest.parse(held.read())
            while (member := tar.next()) is not None:
                _unpack(tar, member, into)
    except (tarfile.TarError, zstandard.ZstdError, ValueError, EOFError) as error:
        raise BadArchive(f"it is damaged, or no backup of a gateway ({type(error).__name__})") from error
    os.sync()
    return manifest


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    parts = PurePosixPath(member.name).parts
    if not parts or parts[0] not in _TOPS or ".." in parts or not (member.isreg() or member.isdir()):
        raise BadArchive("a member does not belong into a backup")
    target = into.joinpath(*parts)
    if member.isdir():
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    source = tar.extractfile(member)
    assert source is not None
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    left = member.size
    with os.fdopen(descriptor, "wb") as out:
        while block := source.read(1 << 20):
            out.write(block)
            left -= len(block)
    if left:
        raise BadArchive("it ends too early")
    os.utime(target, (member.mtime, member.mtime))
