"""Files as liaisons make them: encodings, headings, column orders, line ends, names; and how they reach a drop folder.

A `Planned` file holds no people: its records are generated again, always the same, whenever somebody asks.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Literal, TypeAlias

from gateway.demo.faults import (
    FILE_CODES,
    STRUCTURAL,
    FileFault,
    RowFault,
    Truth,
    broken_line,
    damage,
    label,
    outcome_of,
)
from gateway.demo.flows import weights
from gateway.demo.people import FIELDS, INFLOW, OUTFLOW, Row, Sample, dice, people, receivers
from gateway.demo.regions import read_codes
from gateway.demo.workbooks import workbook

Encoding: TypeAlias = Literal["utf-8", "utf-8-sig", "gb18030"]
Heading: TypeAlias = Literal["titles", "names", "aliases"]
Kind: TypeAlias = Literal["new", "part", "supplement", "replace", "nil", "void"]
Form: TypeAlias = Literal["text", "workbook", "package", "forged", "mended"]
"""How a file is made: CSV; a workbook of text cells; a sealed package, or one under another party's signature; the list
of refused rows of an earlier file, mended."""

TITLES = (
    "户编码",
    "姓名",
    "性别",
    "现居住地",
    "现居住地代码",
    "户籍所在地",
    "户籍所在地代码",
    "公民身份号码",
    "出生日期",
    "文化程度",
    "户口性质",
    "婚姻状况",
    "流动原因",
    "流入日期",
    "离开日期",
    "是否家庭户流动",
    "配偶是否随同流动",
)
"""Headings of `migrants-inflow`, in the order of `FIELDS`; outflow names its two dates otherwise."""

PIECES = 6
"""In how many goes the careless write."""


def titles(agreement: str) -> tuple[str, ...]:
    """The Chinese headings of a dataset, in the order of `FIELDS`."""
    other = {"流入日期": "流出日期", "离开日期": "返回日期"}
    return TITLES if agreement == INFLOW else tuple(other.get(title, title) for title in TITLES)


@dataclass(frozen=True, slots=True)
class Planned:
    """One file to be dropped.

    `key` is unique in a plan. `party` (two digits) and `agreement` say into whose folder it goes. `rows` counts data
    rows, numbered from 1 in `row_faults`. `ignorable`: with columns 序号 and 备注, which an agreement lets fall;
    `titled`: with a line above the heading; `dashed`: dates as 2026-09-30. `corrected` is what the party sends once
    this file was refused; `after` names the file that must be settled before this one arrives, and `copy_of` the one
    whose bytes it repeats. `kind` is what its name (or descriptor) declares; `code` the code of a good file where it is
    not the usual one of its kind; `mends` the file whose refused rows a `mended` one brings back.
    """

    key: str
    party: str
    agreement: str
    period: str
    name: str
    rows: int
    seed: str
    encoding: Encoding = "utf-8"
    heading: Heading = "titles"
    shuffled: bool = False
    line_end: Literal["\n", "\r\n"] = "\n"
    ignorable: bool = False
    titled: bool = False
    dashed: bool = False
    manner: Literal["careful", "careless"] = "careful"
    row_faults: tuple[tuple[int, RowFault], ...] = ()
    file_fault: FileFault | None = None
    corrected: Planned | None = None
    copy_of: Planned | None = None
    after: str | None = None
    kind: Kind = "new"
    form: Form = "text"
    code: str = ""
    mends: Planned | None = None


def as_of(period: str) -> date:
    """The last day of a quarter such as `2026Q3`. Raises `ValueError` for any other form."""
    year, _, quarter = period.partition("Q")
    if len(year) != 4 or quarter not in ("1", "2", "3", "4"):
        raise ValueError("a period here is a quarter such as 2026Q3")
    month = int(quarter) * 3
    return date(int(year), month, 30 if month in (6, 9) else 31)


def records(planned: Planned) -> list[Row]:
    """The file's records before anything was damaged; of a mended list those of the rows that were refused."""
    if planned.mends is not None:
        whole = records(planned.mends)
        return [whole[number - 1] for number, _ in planned.mends.row_faults]
    agreement, own = planned.agreement, planned.party
    if planned.file_fault is FileFault.WRONG_DATASET:
        agreement = OUTFLOW if agreement == INFLOW else INFLOW
    elif planned.file_fault is FileFault.WRONG_PROVINCE:
        own = "51" if own != "51" else "43"
    far = weights(agreement, own)
    # Nobody's other side is the folder's own province: else some records of a stray file would belong there after all.
    far.pop(planned.party, None)
    return list(people(Sample(agreement, own, as_of(planned.period), planned.rows, far, planned.seed)))


def truth_of(planned: Planned) -> Truth:
    """What must come of the file, known from how it was made."""
    if planned.file_fault is not None:
        return Truth(outcome_of(planned.file_fault), FILE_CODES[planned.file_fault])
    if planned.form == "forged":
        return Truth("refused", frozenset({"211"}))
    if planned.kind == "void":
        return Truth("accepted", frozenset({"104"}))
    faults = dict(planned.row_faults)
    rows = [row for number, row in enumerate(records(planned), 1) if number not in faults]
    accepted = receivers(planned.agreement, rows)
    if not faults:
        return Truth("accepted", frozenset({planned.code or ("105" if planned.kind == "replace" else "100")}), accepted)
    return Truth("partly_refused", frozenset({"101"}), accepted, faults)


@cache
def _private_use() -> tuple[tuple[str, str], ...]:
    """Characters that Python's gb18030 codec writes otherwise than the standard: real character, Python's stand-in."""
    pairs = []
    for line in read_codes("gb18030_python_pua_fix.csv"):
        stand_in, real = (chr(int(line[column][2:], 16)) for column in ("python_codec", "glibc_2_36"))
        if stand_in != real:
            pairs.append((real, stand_in))
    return tuple(pairs)


def encode(text: str, encoding: str) -> bytes:
    """Bytes of a text; in GB 18030 those of the standard, not of Python's codec, which differs on 26 codes."""
    if encoding == "gb18030":
        for real, stand_in in _private_use():
            if real in text:
                text = text.replace(real, stand_in)
    return text.encode(encoding)


def _order(planned: Planned, width: int) -> list[int]:
    order = list(range(width))
    if planned.shuffled:
        dice(planned.seed, "order").shuffle(order)
    return order


def _header(planned: Planned) -> list[str]:
    agreement = planned.agreement
    if planned.file_fault is FileFault.WRONG_DATASET:
        agreement = OUTFLOW if agreement == INFLOW else INFLOW
    header = list(FIELDS if planned.heading == "names" else titles(agreement))
    if planned.heading == "aliases":
        header = [{"公民身份号码": "身份证号", "现居住地": "现居住地地址"}.get(title, title) for title in header]
    if planned.ignorable:
        header += ["序号", "备注"]
    if planned.file_fault is FileFault.WRONG_HEADER:
        header = [f"项目{number}" for number in range(1, len(header) + 1)]
    elif planned.file_fault is FileFault.EXTRA_COLUMN:
        header.append("手机号")
    return header


_DATES = frozenset(FIELDS.index(name) for name in ("birth_date", "migration_date", "return_date"))


def _dashed(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if text else text


def _cells(planned: Planned) -> Iterator[tuple[Row, RowFault | None]]:
    faults, throw, end = dict(planned.row_faults), dice(planned.seed, "damage"), as_of(planned.period)
    for number, row in enumerate(records(planned), 1):
        fault = faults.get(number)
        if fault is not None:
            row = damage(fault, row, planned.agreement, end, throw)
        if planned.dashed:
            row = tuple(_dashed(text) if at in _DATES else text for at, text in enumerate(row))
        if planned.ignorable:
            row = (*row, str(number), "")
        if planned.file_fault is FileFault.EXTRA_COLUMN:
            row = (*row, "00000000000")
        yield row, fault


def text_of(planned: Planned) -> str:
    """The file's text before it is encoded."""
    header = _header(planned)
    order = _order(planned, len(header))
    if planned.file_fault is FileFault.MISSING_COLUMN:
        order.remove(FIELDS.index("id_number"))
    pick, name_at = itemgetter(*order), order.index(FIELDS.index("name"))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator=planned.line_end)
    if planned.titled:
        writer.writerow([f"{planned.period} {label(planned.agreement)}", *[""] * (len(order) - 1)])
    writer.writerow(pick(header))
    if planned.file_fault not in (FileFault.HEADER_ONLY, FileFault.NIL_HEADER):
        for row, fault in _cells(planned):
            if fault in STRUCTURAL and fault is not None:
                stream.write(broken_line(fault, list(pick(row)), name_at) + planned.line_end)
            else:
                writer.writerow(pick(row))
    return stream.getvalue()


def render(planned: Planned) -> bytes:
    """The file's bytes, the same each time."""
    if planned.copy_of is not None:
        return render(planned.copy_of)
    if planned.kind == "void":
        return b""
    if planned.form == "workbook":
        return workbook(csv.reader(io.StringIO(text_of(planned), newline="")))
    match planned.file_fault:
        case FileFault.EMPTY | FileFault.NIL:
            return b""
        case FileFault.BINARY:
            return b"\x00\xff\xfe\x07" + dice(planned.seed, "rubbish").randbytes(40_000)
        case FileFault.UTF16:
            return text_of(planned).encode("utf-16")
        case FileFault.UNKNOWN_ENCODING:
            # 0xFF begins no character in UTF-8 and none in GB 18030: some other code page.
            return bytes(byte if byte < 0x80 else 0xFF for byte in text_of(planned).encode("gb18030"))
        case _:
            return encode(text_of(planned), planned.encoding)


def write(planned: Planned, folder: Path, pause: float = 0.15, made: bytes | None = None) -> Path:
    """Drop the file into `folder` (a party's drop folder of that agreement) and return its path. `made`: its bytes,
    where they are not its own to make (a package, a mended list).

    The careful write a `.part` and rename it; the careless write the final name in pieces, `pause` seconds apart, as
    a copy over a slow share does; `pause` has to be shorter than the node's quiet period. The folder has to be there.
    The gateway may take the file before this returns.
    """
    data, target = render(planned) if made is None else made, folder / planned.name
    if planned.manner == "careful":
        part = folder / f"{planned.name}.part"
        part.write_bytes(data)
        part.rename(target)
        return target
    step = max(1, -(-len(data) // PIECES))
    with target.open("wb", buffering=0) as stream:
        for start in range(0, len(data), step):
            if start:
                time.sleep(pause)
            stream.write(data[start : start + step])
    return target
