"""Where a fetched file is written until it is whole: nobody else's file is, whatever has the name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.adapters.channels.sftp import landing

NAME = ".f-0123-数据.csv.part"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "drop").mkdir()
    descriptor = os.open(tmp_path / "drop", os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def write(folder: int, offset: int) -> None:
    descriptor = landing.open_part(folder, NAME, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    os.write(descriptor, b"fetched")
    os.close(descriptor)


def test_what_was_written_before_is_continued(folder: int, tmp_path: Path) -> None:
    write(folder, 0)
    assert landing.held(folder, NAME, 5) == 5
    write(folder, 5)
    assert (tmp_path / "drop" / NAME).read_bytes() == b"fetchfetched"


@pytest.mark.parametrize("plant", ["second link", "link", "dangling link", "pipe"])
def test_what_is_anothers_is_not_written_through(folder: int, tmp_path: Path, plant: str) -> None:
    victim, place = tmp_path / "victim", tmp_path / "drop" / NAME
    victim.write_bytes(b"somebody else's")
    if plant == "second link":
        place.hardlink_to(victim)
    elif plant == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(victim if plant == "link" else tmp_path / "nowhere")
    assert landing.held(folder, NAME, 3) == 0, "nothing of it is taken for what was fetched"
    write(folder, 0)
    assert place.read_bytes() == b"fetched"
    assert victim.read_bytes() == b"somebody else's"
    assert not (tmp_path / "nowhere").exists()
