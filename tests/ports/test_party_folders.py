"""`ports.PartyFolders`: what it promises, and that nothing a party plants leads it elsewhere."""

from __future__ import annotations

import ctypes
import hashlib
import os
import stat
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath

import pytest

from gateway.adapters.channels.folders import ExchangeRoot, Folders, SourceDown
from gateway.ports import PartyFolders

HOME, DEEP = PurePosixPath("浙江"), PurePosixPath("浙江/回执/机器读取")
NAME = "回执.html"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "exchange").mkdir()
    return tmp_path / "exchange"


@pytest.fixture
def folders(top: Path, tmp_path: Path) -> PartyFolders:
    return Folders(ExchangeRoot(top, tmp_path / "record"))


def test_a_file_is_there_whole_and_alone(folders: PartyFolders, top: Path, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"second")
    folders.write(DEEP, NAME, b"first")
    folders.write(DEEP, NAME, tmp_path / "source")
    assert [path.name for path in (top / DEEP).iterdir()] == [NAME]
    assert (top / DEEP / NAME).read_bytes() == b"second"
    assert folders.read(DEEP, NAME, 6) == b"second"
    assert folders.read(DEEP, NAME, 5) is None, "larger than was asked for"
    assert folders.sha256(DEEP, NAME) == hashlib.sha256(b"second").hexdigest()
    (lying,) = folders.files(DEEP)
    assert (lying.name, lying.size, lying.modified_ns) == (NAME, 6, (top / DEEP / NAME).stat().st_mtime_ns)
    folders.remove(DEEP, NAME)
    folders.remove(DEEP, NAME)
    assert list((top / DEEP).iterdir()) == []


def test_a_write_that_fails_leaves_what_was_there(folders: PartyFolders, top: Path, tmp_path: Path) -> None:
    folders.write(DEEP, NAME, b"first")
    with pytest.raises(FileNotFoundError):
        folders.write(DEEP, NAME, tmp_path / "nowhere")
    assert {path.name: path.read_bytes() for path in (top / DEEP).iterdir()} == {NAME: b"first"}


def test_a_folder_that_is_not_there_is_empty_and_not_in_the_way(folders: PartyFolders, top: Path) -> None:
    assert folders.files(DEEP) == ()
    assert folders.read(DEEP, NAME, 9) is None
    assert folders.sha256(DEEP, NAME) == ""
    assert not folders.open_to_others(DEEP)
    folders.remove(DEEP, NAME)
    assert not (top / HOME).exists()
    assert folders.obstacles([HOME, DEEP]) == {}
    folders.make(DEEP)
    assert (top / DEEP).is_dir()


def test_what_is_fetched_is_what_was_asked_for(folders: PartyFolders, tmp_path: Path) -> None:
    folders.write(DEEP, NAME, b"content")
    target = tmp_path / "kept"
    assert not folders.fetch(DEEP, NAME, target, "0" * 64)
    assert not folders.fetch(DEEP, "another", target, "0" * 64)
    assert not target.exists()
    assert folders.fetch(DEEP, NAME, target, hashlib.sha256(b"content").hexdigest())
    assert target.read_bytes() == b"content"
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def looks(top: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that can be changed below a folder."""
    found = {}
    for path in sorted(top.rglob("*")):
        status = path.stat()
        found[str(path)] = status.st_mode, status.st_mtime_ns, path.read_bytes() if path.is_file() else b""
    return found


CALLS: dict[str, Callable[[PartyFolders, Path], object]] = {
    "make": lambda folders, _: folders.make(DEEP),
    "write": lambda folders, _: folders.write(DEEP, NAME, b"ours"),
    "files": lambda folders, _: folders.files(DEEP),
    "read": lambda folders, _: folders.read(DEEP, NAME, 99),
    "sha256": lambda folders, _: folders.sha256(DEEP, NAME),
    "fetch": lambda folders, own: folders.fetch(DEEP, NAME, own, hashlib.sha256(b"theirs").hexdigest()),
    "remove": lambda folders, _: folders.remove(DEEP, NAME),
    "open to others": lambda folders, _: folders.open_to_others(DEEP),
}


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("call", CALLS)
def test_a_link_in_a_folders_place_stops_everything(
    folders: PartyFolders, top: Path, tmp_path: Path, call: str, depth: int
) -> None:
    there = tmp_path / "there"
    (there / "回执" / "机器读取").mkdir(parents=True)
    (there / "机器读取").mkdir()
    for folder in (there, there / "机器读取", there / "回执" / "机器读取"):
        (folder / NAME).write_bytes(b"theirs")
    before = looks(there)
    link = top.joinpath(*DEEP.parts[:depth])
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(there)
    with pytest.raises(SourceDown) as down:
        CALLS[call](folders, tmp_path / "own")
    assert (down.value.reason, down.value.folder) == ("link", PurePosixPath(*DEEP.parts[:depth]))
    assert looks(there) == before
    assert not (tmp_path / "own").exists()
    assert folders.obstacles([HOME, DEEP]) == {str(down.value.folder): "link"}
    link.unlink()
    assert folders.obstacles([HOME, DEEP]) == {}


@pytest.mark.parametrize("plant", ["link", "dangling", "pipe", "folder"])
def test_what_is_no_file_is_none(folders: PartyFolders, top: Path, tmp_path: Path, plant: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"theirs")
    folders.make(DEEP)
    path = top / DEEP / NAME
    if plant == "pipe":
        os.mkfifo(path)
    elif plant == "folder":
        path.mkdir()
    else:
        path.symlink_to(secret if plant == "link" else tmp_path / "nowhere")
    assert folders.files(DEEP) == []
    assert folders.read(DEEP, NAME, 99) is None
    assert folders.sha256(DEEP, NAME) == ""
    assert not folders.fetch(DEEP, NAME, tmp_path / "own", hashlib.sha256(b"theirs").hexdigest())
    if plant == "folder":
        with pytest.raises(IsADirectoryError):
            folders.write(DEEP, NAME, b"ours")
        folders.remove(DEEP, NAME)
        assert list((top / DEEP).iterdir()) == [path], "a folder is left, and nothing half written beside it"
        assert folders.obstacles([]) == {str(DEEP / NAME): "folder"}
        path.rmdir()
        assert folders.obstacles([]) == {}
    else:
        folders.write(DEEP, NAME, b"ours")
        assert stat.S_ISREG(path.lstat().st_mode)
    assert secret.read_bytes() == b"theirs"
    assert not (tmp_path / "nowhere").exists()


def test_a_second_link_to_anothers_file_is_not_written_through(
    folders: PartyFolders, top: Path, tmp_path: Path
) -> None:
    """Under the final name, and under whatever name an earlier version of the file was written."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"theirs")
    folders.make(DEEP)
    for name in (NAME, f".{NAME}.{os.getpid()}.tmp", f".{NAME}.part"):
        (top / DEEP / name).hardlink_to(secret)
    folders.write(DEEP, NAME, b"ours")
    assert (top / DEEP / NAME).read_bytes() == b"ours"
    folders.remove(DEEP, NAME)
    assert secret.read_bytes() == b"theirs"


def test_nothing_is_judged_while_the_root_is_away(folders: PartyFolders, top: Path) -> None:
    folders.write(DEEP, NAME, b"ours")
    (top / ".gateway-root").unlink()
    assert not folders.is_up()
    assert folders.obstacles([HOME, DEEP]) == {}
    for call in CALLS.values():
        with pytest.raises(SourceDown) as down:
            call(folders, top.parent / "own")
        assert down.value.reason == "root"


def test_a_folder_that_hands_down_its_group_keeps_doing_so(folders: PartyFolders, top: Path) -> None:
    """Provisioned folders do, so that the party reads what the daemon lays there."""
    (top / HOME).mkdir()
    (top / HOME).chmod(0o2750)
    folders.make(DEEP)
    assert (top / DEEP).stat().st_mode & stat.S_ISGID
    folders.make(PurePosixPath("江苏/回执"))
    assert stat.S_IMODE((top / "江苏" / "回执").stat().st_mode) == 0o770


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_folder_that_is_turned_to_and_fro_leads_nowhere(
    folders: PartyFolders, top: Path, tmp_path: Path, depth: int
) -> None:
    """Whenever the folder is exchanged for a link, in the middle of a call too: behind the link nothing changes."""
    folders.write(DEEP, "kept", b"ours")
    there = tmp_path / "there"
    (there / "回执" / "机器读取").mkdir(parents=True)
    (there / "机器读取").mkdir()
    for folder in (there, there / "机器读取", there / "回执" / "机器读取"):
        (folder / "kept").write_bytes(b"theirs")
    before = looks(there)
    place, other = top.joinpath(*DEEP.parts[:depth]), tmp_path / "other"
    other.symlink_to(there)
    over = threading.Event()

    def turn() -> None:
        libc = ctypes.CDLL(None)
        while not over.is_set():
            assert libc.renameat2(-100, os.fsencode(place), -100, os.fsencode(other), 2) == 0

    turning = threading.Thread(target=turn)
    turning.start()
    done = Counter[str]()
    try:
        for number in range(400):
            with suppress(SourceDown):
                done["tried"] += 1
                folders.write(DEEP, f"{number}", b"ours")
                folders.remove(DEEP, f"{number}")
                assert folders.read(DEEP, "kept", 99) == b"ours"
                assert [lying.name for lying in folders.files(DEEP) if not lying.name.isdigit()] == ["kept"]
                done["whole"] += 1
    finally:
        over.set()
        turning.join()
    assert looks(there) == before
    assert done["tried"] == 400
