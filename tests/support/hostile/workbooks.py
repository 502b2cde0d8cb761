"""Workbooks, and zip archives that pass for them."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Iterator, Mapping

import xlsxwriter

SHEET, WORKBOOK, STRINGS = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml"
RELATIONS, STYLES, TYPES = "xl/_rels/workbook.xml.rels", "xl/styles.xml", "[Content_Types].xml"
PARTS = (SHEET, WORKBOOK, STRINGS, RELATIONS, STYLES)
_OPEN = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
_CLOSE = b"</sheetData></worksheet>"
_STRINGS = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'

HARMLESS = {
    "a sheet with half a million merged ranges",
    "xl/styles.xml missing",
    "archives in archives, beside a workbook part",
    "bytes before the archive",
    "a directory that was changed (0)",
    "a directory that was changed (10)",
    "a directory that was changed (11)",
}
"""What costs nothing and leaves every record as it was: fields that nobody reads, parts that are not looked into."""

Members = dict[str, bytes]


def honest(rows: list[list[str]]) -> bytes:
    """A workbook as a program writes it."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    sheet = book.add_worksheet()
    for at, row in enumerate(rows):
        sheet.write_row(at, 0, row)
    book.close()
    return stream.getvalue()


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def members(book: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def cases(rows: list[list[str]]) -> Iterator[tuple[str, bytes]]:
    """Every workbook of the table, made around one that holds `rows`."""
    good = members(honest(rows))

    def with_(**changes: bytes) -> bytes:
        places = {"sheet": SHEET, "workbook": WORKBOOK, "strings": STRINGS, "relations": RELATIONS, "styles": STYLES}
        return zipped({**good, **{places[name]: data for name, data in changes.items()}})

    for name, xml in _malformed():
        yield f"a sheet of {name}", with_(sheet=xml)
        yield f"strings of {name}", with_(strings=xml)
        yield f"a workbook part of {name}", with_(workbook=xml)
        yield f"relations of {name}", with_(relations=xml)
    for name, xml in _sheets(good[SHEET]):
        yield f"a sheet with {name}", with_(sheet=xml)
    for part in PARTS:
        yield f"{part} of zeros", zipped({**good, part: bytes(24 << 20)})
        yield f"{part} of blanks", zipped({**good, part: b" " * (24 << 20)})
        yield f"{part} of entities", zipped({**good, part: _laughs()})
        yield f"{part} in UTF-16", zipped({**good, part: good[part].decode().encode("utf-16")})
        yield f"{part} cut off", zipped({**good, part: good[part][: len(good[part]) // 2]})
        yield f"{part} missing", zipped({name: data for name, data in good.items() if name != part})
    yield from _archives(good)


def _malformed() -> Iterator[tuple[str, bytes]]:
    """XML over which an expression that goes back takes forever: openings that never end, in every way."""
    size = 2 << 20
    for unit in (
        b"<",
        b"<c ",
        b"<c r",
        b'<c r="A1" ',
        b"<sheet ",
        b"<Relationship ",
        b"<x:c ",
        b"<row ",
        b"<!--",
        b"<![CDATA[",
    ):
        yield f"{unit.decode()!r} again and again", (unit * (size // len(unit)))
    for begin, unit in (
        (b"<c", b' r="A1"'),
        (b"<c ", b"a"),
        (b"<c ", b" "),
        (b"<c ", b"'"),
        (b'<c r="', b">"),
        (b"<sheet ", b' id="x"'),
        (b"<Relationship ", b"Id "),
        (b"<worksheet ", b'a="1" '),
    ):
        yield f"{begin.decode()!r} and {unit.decode()!r} without end", b"<a>" + begin + unit * (size // len(unit))
    yield (
        "attributes by the hundred thousand",
        b"<a><b " + b" ".join(b'a%d="1"' % n for n in range(150_000)) + b"/></a>",
    )
    yield "tags ten thousand deep and not closed", b"<a>" * 500_000


def _sheets(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Sheets that are well formed, and cost more than they hold."""
    rest = good[good.index(b"<sheetData>") + 11 : good.index(b"</sheetData>")]
    corners = (
        b'<c r="XFD1048576"><v>1</v></c>',
        b"<c r='XFD1048576'><v>1</v></c>",
        b'<c  r="XFD1048576"\n><v>1</v></c>',
        b'<c t="n" r="XFD1048576"><v>1</v></c>',
        b'<c a="&gt;" r="XFD1048576"><v>1</v></c>',
        b'<c a=">" r="XFD1048576"><v>1</v></c>',
        b'<c r="AAA999999"><v>1</v></c>',
    )
    for cell in corners:
        yield f"the last corner as {cell.decode()!r}", _OPEN + rest + b"<row>" + cell + b"</row>" + _CLOSE
    for column, row in (("XFD", 1), ("A", 1_048_576), ("ZZ", 70_000), ("BZ", 1_000_000)):
        far = f'<row r="{row}"><c r="{column}{row}"><v>1</v></c></row>'.encode()
        near = b'<row r="1"><c r="XFD1"><v>1</v></c></row><row r="1048576"><c r="A1048576"><v>1</v></c></row>'
        yield f"one cell in {column}{row} and the borders", _OPEN + near + far + _CLOSE
    yield (
        "the last corner under a prefix",
        (
            b'<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData>'
            b'<x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c></x:row><x:row><x:c r="XFD1048576"><x:v>1</x:v></x:c></x:row>'
            b"</x:sheetData></x:worksheet>"
        ),
    )
    wide = b"<row>" + b"<c><v>1</v></c>" * 16_384 + b"</row>"
    yield "cells that say no place, wide and far down", _OPEN + wide + b"<row/>" * 1_000_000 + wide + _CLOSE
    yield (
        "a corner that hides behind a tag in a value",
        _OPEN + b'<row><c a="<" r="XFD1048576"><v>1</v></c></row>' + _CLOSE,
    )
    yield "a comment around everything", b"<a><!-- " + b"<c " * 700_000 + b" --></a>"
    yield (
        "one cell of text without end",
        _OPEN + b'<row><c r="A1" t="inlineStr"><is><t>' + b"a" * (6 << 20) + b"</t></is></c></row>" + _CLOSE,
    )
    yield "a million empty rows", _OPEN + b"<row/>" * 1_000_000 + _CLOSE
    yield (
        "half a million merged ranges",
        _OPEN
        + rest
        + b"</sheetData><mergeCells>"
        + b'<mergeCell ref="A1:B2"/>' * 500_000
        + b"</mergeCells></worksheet>",
    )
    yield "a document type", b"<!DOCTYPE worksheet [<!ENTITY a 'b'>]>" + _OPEN + rest + _CLOSE
    yield (
        "an outside entity",
        b'<!DOCTYPE worksheet [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        + _OPEN
        + b'<row><c r="A1" t="str"><v>&a;</v></c></row>'
        + _CLOSE,
    )


def _laughs() -> bytes:
    entities = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
    return b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">' + entities + b"]><a>&l11;</a>"


def _archives(good: Members) -> Iterator[tuple[str, bytes]]:
    """What a zip archive itself can say that is not so."""
    base = zipped(good)
    nested = zipped(good)
    for _ in range(6):
        nested = zipped({"inner.zip": nested}, zipfile.ZIP_STORED)
    yield "archives in archives", nested
    yield (
        "archives in archives, beside a workbook part",
        zipped({**good, "xl/media/a.zip": zipped({"z": bytes(30 << 20)})}),
    )
    yield "five thousand members", zipped({**good, **{f"xl/media/{n}": b"" for n in range(5000)}}, zipfile.ZIP_STORED)
    yield "a hundred members of zeros", zipped({**good, **{f"xl/media/{n}": bytes(1 << 20) for n in range(100)}})
    yield "bzip2", zipped(good, zipfile.ZIP_BZIP2)
    yield "LZMA", zipped(good, zipfile.ZIP_LZMA)
    for share in (0.2, 0.5, 0.9, 0.99):
        yield f"cut off at {share}", base[: int(len(base) * share)]
    twice = io.BytesIO(base)
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr(zipfile.ZipInfo(SHEET), b"<a/>")
    yield "one name twice", twice.getvalue()
    yield "bytes before the archive", b"PK\x03\x04" + base
    dice = random.Random(7)
    for number in range(12):
        spoiled = bytearray(base)
        directory = base.rindex(b"PK\x01\x02") if number % 2 else base.index(b"PK\x01\x02")
        for _ in range(3):
            spoiled[directory + dice.randrange(6, 46)] = dice.randrange(256)
        yield f"a directory that was changed ({number})", bytes(spoiled)
    end = base.rindex(b"PK\x05\x06")
    for name, field, value in (("entries", 10, 65_535), ("size", 12, 1 << 30), ("offset", 16, 1 << 31)):
        spoiled = bytearray(base)
        struct.pack_into("<H" if field == 10 else "<I", spoiled, end + field, value)
        yield f"a directory whose {name} is not so", bytes(spoiled)
    locked = bytearray(base)
    at = -1
    while (at := base.find(b"PK\x01\x02", at + 1)) >= 0:
        locked[at + 8] |= 1
    yield "encrypted by its flags", bytes(locked)
    yield "an old workbook of nothing", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60_000)
    for number in range(4):
        yield (
            f"an old workbook of noise ({number})",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + random.Random(number).randbytes(60_000),
        )
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", head, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<II", head, 44, 1, 1)
    struct.pack_into("<I", head, 76, 0)
    yield (
        "an old workbook whose chains are a ring",
        bytes(head) + struct.pack("<I", 0) * 128 + struct.pack("<I", 1) * 128,
    )


def datapackages(table: bytes) -> Iterator[tuple[str, bytes]]:
    """Data Packages as zip archives around the bytes of a table."""
    import json

    def package(descriptor: bytes | object, **files: bytes) -> bytes:
        data = descriptor if isinstance(descriptor, bytes) else json.dumps(descriptor).encode()
        return zipped({"datapackage.json": data, **{name.replace("__", "/"): body for name, body in files.items()}})

    def one(path: str) -> object:
        return {"resources": [{"name": "a", "path": path}]}

    for name, text in deep():
        yield f"a descriptor of {name}", package(text, **{"a.csv": table})
    yield "a descriptor of blanks", package(b" " * (30 << 20), **{"a.csv": table})
    yield "a table of blanks", package(one("a.csv"), **{"a.csv": b" " * (40 << 20)})
    yield "a table of line ends", package(one("a.csv"), **{"a.csv": b"\n" * (40 << 20)})
    for path in ("../a.csv", "/etc/passwd", "a/../../b.csv", "", "b.csv", "a//b", "\x00"):
        yield f"a table at {path!r}", package(one(path), **{"a.csv": table})
    yield (
        "two tables",
        package({"resources": [{"path": "a.csv"}, {"path": "b.csv"}]}, **{"a.csv": table, "b.csv": table}),
    )
    for bad in (b"[]", b"null", b'{"resources": 3}', b'{"resources": [3]}', b'{"resources": [{"path": 3}]}'):
        yield f"a descriptor that is {bad.decode()}", package(bad, **{"a.csv": table})


def deep() -> Iterator[tuple[str, bytes]]:
    """JSON that a reader goes down in, or takes long over."""
    for depth in (2_000, 100_000, 1_000_000):
        yield f"{depth} lists", b"[" * depth + b"]" * depth
        yield f"{depth} objects", b'{"a":' * depth + b"1" + b"}" * depth
    yield "lists that never close", b"[" * 500_000
    yield "a number of a million digits", b"[" + b"1" * 1_000_000 + b"]"
    yield "an exponent without end", b"[1e" + b"9" * 100_000 + b"]"
    yield "text that never ends", b'"' + b"a" * 2_000_000
    yield "escapes that never end", b'"' + b"\\" * 2_000_001
    yield "half a surrogate", b'["\\ud800"]'
    yield "no text", b"\xff\xfe" * 1000
