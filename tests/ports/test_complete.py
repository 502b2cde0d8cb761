"""A file is taken once it is complete: nobody writes it any more, and it ends as its format says."""

from __future__ import annotations

import mmap
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.adapters.channels.folders import DropFolders, Quiet
from gateway.adapters.channels.folders.scanning import NETWORK_SECONDS
from gateway.adapters.channels.room import Room
from gateway.adapters.channels.writers import Writers, Writing
from gateway.parcels import AgreementId, Claim, PartyId

NOW = datetime(2026, 10, 8, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
DROP = "京/上报/跨省流入人口个案"
ROW = b"1,2\n"


@dataclass
class Folder:
    """One drop folder with a clock that only moves when told; an upload may rest for 60 seconds."""

    home: Path
    writers: Writers = field(default_factory=Writers)
    network: bool = False
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.drop = self.home / "exchange" / DROP
        self.drop.mkdir(parents=True)
        quiet = Quiet(2.0, self.network, lambda: self.seconds, unfinished=60.0, writers=self.writers)
        address = (PartyId("beijing"), AgreementId("migrants-inflow"), DROP)
        self.inbox = DropFolders(
            self.home / "exchange", [address], self.home / "spool", quiet=quiet, room=Room(min_free=0)
        )

    def after(self, seconds: float) -> Sequence[Claim]:
        """The claims of a look now, and of one `seconds` later."""
        found = list(self.inbox.scan(NOW))
        self.seconds += seconds
        return [*found, *self.inbox.scan(NOW)]

    @property
    def left(self) -> dict[str, int]:
        return dict(self.inbox.left_alone()[DROP])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_file_that_somebody_has_open_for_writing_is_not_taken_however_long_it_stands_still(folder: Folder) -> None:
    with (folder.drop / "个案.csv").open("wb", buffering=0) as writer:
        writer.write(ROW)
        assert folder.after(3600) == []
        assert folder.left == {"writing": 1}
        writer.write(ROW)
    [claim] = folder.after(2)
    assert (folder.drop / f".taken-{claim.parcel}").read_bytes() == ROW * 2


def test_a_file_that_is_mapped_for_writing_is_not_taken_though_its_descriptor_is_closed(folder: Folder) -> None:
    path = folder.drop / "个案.csv"
    path.write_bytes(b" " * 7 + b"\n")
    with path.open("r+b") as stream:
        mapped = mmap.mmap(stream.fileno(), 0)
    assert folder.after(3600) == []
    assert folder.left == {"writing": 1}
    mapped[:8] = ROW * 2
    mapped.close()
    assert len(folder.after(2)) == 1


def test_who_only_reads_holds_nothing_up(folder: Folder) -> None:
    (folder.drop / "个案.csv").write_bytes(ROW)
    with (folder.drop / "个案.csv").open("rb"):
        assert len(folder.after(2)) == 1


def test_a_second_name_of_the_file_is_a_way_to_write_it(folder: Folder) -> None:
    (folder.home / "elsewhere.csv").write_bytes(ROW)
    os.link(folder.home / "elsewhere.csv", folder.drop / "个案.csv")
    with (folder.home / "elsewhere.csv").open("ab"):
        assert folder.after(3600) == []
    assert len(folder.after(2)) == 1


def test_a_marker_does_not_make_complete_what_is_still_written(folder: Folder) -> None:
    (folder.drop / "个案.csv.ok").touch()
    with (folder.drop / "个案.csv").open("wb"):
        assert folder.after(3600) == []
    assert len(folder.after(0)) == 1


def test_a_sidecar_that_is_still_written_holds_up_its_file(folder: Folder) -> None:
    (folder.drop / "个案.csv").write_bytes(ROW)
    with (folder.drop / "个案.csv.json").open("wb", buffering=0) as writer:
        writer.write(b'{"kind":')
        assert folder.after(3600) == []
        writer.write(b' "replace"}')
    [claim] = folder.after(2)
    assert (folder.drop / f".taken-{claim.parcel}.json").read_bytes() == b'{"kind": "replace"}'


class Late(Writers):
    """Somebody opens the file between the look at it and its new name."""

    def __init__(self, open_now: Callable[[], object]) -> None:
        super().__init__()
        self.open_now, self.looks, self.held = open_now, 0, None

    def of(self, folder: int, names: Sequence[str]) -> dict[str, Writing]:
        found = super().of(folder, names)
        if names and not names[0].startswith(".taken-") and self.held is None:
            self.held = self.open_now()
        return found


def test_a_writer_that_comes_with_the_claim_keeps_the_file_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "exchange" / DROP / "个案.csv"
    writers = Late(lambda: path.open("ab", buffering=0))
    folder = Folder(tmp_path, writers)
    path.write_bytes(ROW)
    assert folder.after(2) == []
    assert folder.left == {"held": 1}
    assert [p.name for p in folder.drop.iterdir()] == ["个案.csv"]
    writers.held.write(ROW)
    writers.held.close()
    [claim] = folder.after(2)
    assert (folder.drop / f".taken-{claim.parcel}").read_bytes() == ROW * 2


class Blind(Writers):
    def of(self, folder: int, names: Sequence[str]) -> dict[str, Writing]:
        return dict.fromkeys(names, Writing.UNKNOWN)


def test_where_nobody_can_tell_who_writes_a_file_stands_still_for_longer(tmp_path: Path) -> None:
    folder = Folder(tmp_path, Blind())
    (folder.drop / "个案.csv").write_bytes(ROW)
    assert folder.after(NETWORK_SECONDS - 1) == []
    assert folder.left == {"unseen": 1}
    assert len(folder.after(1)) == 1


def test_a_marker_ends_that_waiting(tmp_path: Path) -> None:
    folder = Folder(tmp_path, Blind())
    (folder.drop / "个案.csv").write_bytes(b"1,2")
    (folder.drop / "个案.csv.ok").touch()
    [claim] = folder.after(0)
    assert claim.marked


@pytest.mark.parametrize(
    ("name", "data"), [("个案.csv", b"a,b\n1,"), ("个案.xlsx", b"PK\x03\x04 half"), ("x.csv", b"")]
)
def test_what_has_no_end_waits_for_the_rest_and_is_taken_as_it_is_when_none_comes(
    folder: Folder, name: str, data: bytes
) -> None:
    (folder.drop / name).write_bytes(data)
    assert folder.after(59) == []
    assert folder.left == {"unfinished": 1}
    [claim] = folder.after(1)
    assert not claim.marked


def test_what_goes_on_in_time_is_taken_whole(folder: Folder) -> None:
    """A retry of a client that goes on where it broke off."""
    path = folder.drop / "个案.csv"
    path.write_bytes(b"a,b\n1,")
    assert folder.after(59) == []
    with path.open("ab") as stream:
        stream.write(b"2\n")
    [claim] = folder.after(2)
    assert (folder.drop / f".taken-{claim.parcel}").read_bytes() == b"a,b\n1,2\n"


def test_an_empty_file_that_declares_nil_is_complete(folder: Folder) -> None:
    (folder.drop / "2026年第三季度-零报告.csv").touch()
    assert len(folder.after(2)) == 1


def test_a_whole_workbook_is_complete(folder: Folder) -> None:
    with zipfile.ZipFile(folder.drop / "个案.xlsx", "w") as made:
        made.writestr("xl/workbook.xml", "<workbook/>")
    assert len(folder.after(2)) == 1


@pytest.mark.parametrize("name", ["x.csv.1a2b3c4d.partial", "x.csv.partial", "x.csv.download", "x.csv.filepart"])
def test_names_of_unfinished_uploads_are_left(folder: Folder, name: str) -> None:
    (folder.drop / name).write_bytes(ROW)
    assert folder.after(3600) == []
    assert folder.left == {"temporary": 1}
