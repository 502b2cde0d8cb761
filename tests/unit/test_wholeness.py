"""Every beginning of a file is told from the file itself, where its format says where it ends."""

from __future__ import annotations

import struct
import subprocess
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from gateway import wholeness


def whole(data: bytes, name: str) -> bool:
    return wholeness.is_whole(lambda offset, length: data[offset : offset + length], len(data), name)


def archive() -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xl/workbook.xml", "<workbook/>" * 50)
    return stream.getvalue()


def compound(sectors: int = 40) -> bytes:
    """A compound file: header, one sector of FAT that calls all others used, and those."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<I", header, 44, 1)
    struct.pack_into("<109I", header, 76, 0, *[0xFFFFFFFF] * 108)
    numbers = [0xFFFFFFFD, *range(2, sectors), 0xFFFFFFFE]
    fat = struct.pack("<128I", *numbers, *[0xFFFFFFFF] * (128 - len(numbers)))
    return bytes(header) + fat + b"x" * 512 * (sectors - 1)


def dbase(records: int = 5) -> bytes:
    head = struct.pack("<4sIHH20x", b"\x03\x7e\x0b\x1e", records, 65, 11) + b"NAME".ljust(32, b"\0") + b"\r"
    return head + b" 0123456789" * records


PDF = b"%PDF-1.7\n" + b"1 0 obj << >> endobj\n" * 100 + b"startxref\n9\n%%EOF\n"


@pytest.mark.parametrize(
    ("data", "name"), [(archive(), "个案.xlsx"), (compound(), "个案.xls"), (dbase(), "个案.dbf"), (PDF, "报告.pdf")]
)
def test_no_beginning_of_a_file_passes_for_the_file(data: bytes, name: str) -> None:
    assert whole(data, name)
    step = max(1, len(data) // 300)
    assert [cut for cut in range(8, len(data) - 2, step) if whole(data[:cut], name)] == []


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,2\n",
        b"a,b\r\n1,2\r\n",
        b"a,b\r1,2\r",
        b"a,b\n1,2\n\n  ",
        b"a,b\n1,2\n\x1a",
        "甲,乙\n".encode("gb18030"),
        "\ufeff甲,乙\r\n".encode("utf-16-le"),
        "\ufeff甲,乙\r\n".encode("utf-16-be"),
    ],
)
def test_a_table_whose_last_line_has_an_end_is_whole(data: bytes) -> None:
    assert whole(data, "个案.CSV")


@pytest.mark.parametrize(
    "data",
    [b"", b"a", b"a,b\n1,2", b"a,b\n1,", b"a,b\n1,2\n" + bytes(4096), "\ufeff甲,乙\r\n丙".encode("utf-16-le")],
)
def test_a_table_without_it_is_not(data: bytes) -> None:
    """Also one that was given its size before it was written."""
    assert not whole(data, "个案.csv")


@pytest.mark.parametrize(("table", "is_whole"), [(True, False), (False, True)])
def test_plain_text_is_a_table_where_it_is_known_to_be_one(table: bool, is_whole: bool) -> None:
    """A report in prose need not end its last line."""
    data = "自评估".encode()
    found = wholeness.is_whole(lambda at, length: data[at : at + length], len(data), "自评估报告.txt", table=table)
    assert found is is_whole


def test_what_is_no_text_is_not_called_half_a_table() -> None:
    assert whole(b"\x00\xff\xfe\x07 rubbish", "个案.csv")
    assert not whole(bytes(4096), "个案.csv"), "given its size, not written yet"


def test_what_does_not_say_where_it_ends_is_whole() -> None:
    assert whole(b"\xff\xd8\xff\xe0 picture", "扫描.jpg")


@pytest.mark.parametrize("options", [[], ["--compress-algo", "none"], ["--no-armor"]])
def test_no_beginning_of_a_message_passes_for_the_message(tmp_path: Path, options: list[str]) -> None:
    """gpg writes parts of 8 KiB; a message that is not encrypted has the same frame."""
    (tmp_path / "plain").write_bytes(bytes(range(256)) * 200)
    gpg = ["gpg", "--homedir", str(tmp_path), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "x"]
    subprocess.run([*gpg, *options, "-o", str(tmp_path / "m"), "-c", str(tmp_path / "plain")], check=True)
    subprocess.run(["gpgconf", "--homedir", str(tmp_path), "--kill", "all"], check=True)
    data = (tmp_path / "m").read_bytes()
    assert whole(data, "x.tar.gpg")
    assert [cut for cut in range(20, len(data), 41) if whole(data[:cut], "x.tar.gpg")] == []


def test_parts_that_never_end_are_not_whole() -> None:
    assert not whole(b"\xd2" + b"\xe0x" * 1000, "x.gpg")


def test_a_file_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "arrived"
    path.write_bytes(b"a,b\n1")
    assert not wholeness.of_file(path, "个案.csv")
    assert wholeness.of_file(path, "个案")


def test_a_message_in_parts_of_one_byte_is_not_followed_to_its_end() -> None:
    """Ten megabytes of them are five million lengths: the scan of everybody's folders would wait for them."""
    data, reads = b"\xcb" + b"\xe0x" * (5 << 20), 0

    def read(offset: int, length: int) -> bytes:
        nonlocal reads
        reads += 1
        return data[offset : offset + length]

    assert wholeness.is_whole(read, len(data), "a.gpg")
    assert reads < 10_000
