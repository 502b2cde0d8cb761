"""Files and the story: bytes are what other tools say they are, and the truth is true."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.judge import lines_of, table

from gateway.demo.faults import FileFault, RowFault
from gateway.demo.files import Planned, as_of, encode, records, render, text_of, truth_of, write
from gateway.demo.story import everything, expected, gallery, plan, row_digest

SMALL = plan(scale=0.02)
READ = [each for each in everything(SMALL) if each.file_fault is None]


def iconv(data: bytes, code_page: str) -> str:
    done = subprocess.run(["iconv", "-f", code_page, "-t", "UTF-8"], input=data, capture_output=True, check=True)
    return done.stdout.decode()


def test_the_same_plan_gives_the_same_bytes_and_another_seed_others() -> None:
    again = plan(scale=0.02)
    assert again == SMALL
    assert [render(each) for each in again[:12]] == [render(each) for each in SMALL[:12]]
    assert render(plan(seed=2, scale=0.02)[0]) != render(SMALL[0])


def test_the_story_of_a_quarter() -> None:
    whole = plan()
    assert len(whole) == 65
    assert len({each.key for each in everything(whole)}) == 68
    assert len({(each.party, each.agreement) for each in whole}) == 64
    outcomes = Counter(truth_of(replace(each, rows=min(each.rows, 60))).outcome for each in SMALL)
    assert outcomes == {"accepted": 54, "partly_refused": 5, "refused": 3, "nil": 2, "duplicate": 1}
    refused = [each for each in whole if each.corrected is not None]
    assert {each.file_fault for each in refused} == {
        FileFault.WRONG_HEADER,
        FileFault.HEADER_ONLY,
        FileFault.WRONG_DATASET,
    }
    assert all(each.corrected is not None and each.corrected.file_fault is None for each in refused)
    assert {each.encoding for each in whole} == {"utf-8", "utf-8-sig", "gb18030"}
    assert {each.heading for each in whole} == {"titles", "names", "aliases"}
    assert {each.manner for each in whole} == {"careful", "careless"}
    for trait in ("shuffled", "ignorable", "titled", "dashed"):
        assert {getattr(each, trait) for each in whole} == {True, False}, trait


def test_at_full_scale_there_are_enough_records_in_very_unequal_files() -> None:
    sizes = sorted(each.rows for each in everything(plan()) if each.file_fault is None)
    assert sum(sizes) >= 200_000
    assert sizes[0] <= 60
    assert sizes[-1] >= 28_000


def test_every_fault_occurs() -> None:
    shown = [*everything(SMALL), *gallery()]
    assert {each.file_fault for each in shown} == {None, *FileFault}
    seeded = {fault for each in SMALL for _, fault in each.row_faults}
    assert seeded == set(RowFault)
    assert {fault for _, fault in gallery()[-1].row_faults} == set(RowFault)


@pytest.mark.parametrize("planned", [*READ, gallery()[-1]], ids=lambda planned: planned.key)
def test_the_truth_is_what_an_independent_judge_finds_in_the_bytes(planned: Planned) -> None:
    text = iconv(render(planned), "GB18030" if planned.encoding == "gb18030" else "UTF-8").removeprefix("\ufeff")
    truth, accepted, refused = truth_of(planned), [], set()
    for number, row, wrong in lines_of(text, planned.agreement, planned.party, as_of(planned.period)):
        if wrong:
            refused.add(number)
        else:
            accepted.append(row)
    assert refused == set(truth.refused)
    far = 6 if planned.agreement == "migrants-inflow" else 4
    for receiver, rows in truth.accepted.items():
        assert rows == [row for row in accepted if row[far][:2] == receiver]
    assert truth.accepted_rows == len(accepted) == planned.rows - len(refused)


@pytest.mark.parametrize("fault", [FileFault.WRONG_DATASET, FileFault.WRONG_PROVINCE])
def test_a_file_in_the_wrong_folder_has_no_record_that_belongs_there(fault: FileFault) -> None:
    (planned,) = [each for each in gallery() if each.file_fault is fault]
    found = list(lines_of(text_of(planned), planned.agreement, planned.party, as_of(planned.period)))
    assert len(found) == planned.rows
    assert all("own" in wrong for _, _, wrong in found)


def test_gb18030_is_the_standards_and_not_pythons() -> None:
    fixes = [row for row in table("gb18030_python_pua_fix.csv") if row["python_codec"] != row["glibc_2_36"]]
    assert fixes
    for row in fixes:
        real = chr(int(row["glibc_2_36"][2:], 16))
        assert encode(real, "gb18030") == bytes.fromhex(row["gb18030_bytes"])
        assert iconv(encode(real, "gb18030"), "GB18030") == real
        assert real.encode("gb18030") != encode(real, "gb18030"), "else this fix is not needed any more"
    assert encode("龴䶮𬱖·", "gb18030").hex() == "fe59fe9f9933c336a1a4"


def test_whole_file_faults_are_what_they_say() -> None:
    data = {each.file_fault: render(each) for each in gallery()[:-1]}
    names = {each.file_fault: each.name for each in gallery()}
    assert data[FileFault.EMPTY] == data[FileFault.NIL] == b""
    assert data[FileFault.HEADER_ONLY].count(b"\n") == data[FileFault.NIL_HEADER].count(b"\n") == 1
    assert data[FileFault.NIL_WITH_ROWS].count(b"\n") == 41
    assert all("零报告" in names[fault] for fault in (FileFault.NIL, FileFault.NIL_HEADER, FileFault.NIL_WITH_ROWS))
    assert "零报告" not in names[FileFault.EMPTY] + names[FileFault.HEADER_ONLY]
    assert data[FileFault.UTF16][:2] == b"\xff\xfe"
    assert b"\x00" in data[FileFault.BINARY]
    for fault in (FileFault.UNKNOWN_ENCODING, FileFault.BINARY):
        for code_page in ("utf-8", "gb18030"):
            with pytest.raises(UnicodeDecodeError):
                data[fault].decode(code_page)
    texts = {each.file_fault: text_of(each) for each in gallery()}
    assert "公民身份号码" not in texts[FileFault.MISSING_COLUMN]
    assert "手机号" in texts[FileFault.EXTRA_COLUMN]
    assert "姓名" not in texts[FileFault.WRONG_HEADER]
    original, copy = [each for each in gallery() if each.key.startswith("gallery-duplicate")]
    assert render(original) == render(copy)
    assert original.name != copy.name
    assert copy.after == original.key


def test_the_sum_of_the_truth() -> None:
    total = expected(SMALL)
    assert total.accepted + total.refused == sum(each.rows for each in READ)
    assert total.refused == sum(len(each.row_faults) for each in SMALL)
    assert sum(counted.total() for counted in total.rows.values()) == total.accepted
    assert total.outcomes["42-inflow"] == ("refused", {"303", "306"})
    assert total.outcomes["42-inflow-corrected"] == ("accepted", {"100"})
    assert total.outcomes["33-inflow"] == ("partly_refused", {"101"})
    assert total.per_file["42-inflow"] == (0, 0, 0)
    assert total.per_file["42-inflow-corrected"][1] == 40
    assert total.per_file["32-inflow-again"] == (0, 0, 0)
    first = READ[0]
    row = records(first)[0]
    assert total.rows[first.agreement, row[6][:2]][row_digest(row)] >= 1


def test_a_careful_client_shows_the_final_name_only_when_whole(tmp_path: Path) -> None:
    planned = next(each for each in SMALL if each.manner == "careful")
    assert write(planned, tmp_path) == tmp_path / planned.name
    assert (tmp_path / planned.name).read_bytes() == render(planned)
    assert [path.name for path in tmp_path.iterdir()] == [planned.name]


def test_a_careless_client_shows_the_final_name_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = next(each for each in SMALL if each.manner == "careless" and each.rows > 20)
    seen: list[int] = []
    monkeypatch.setattr(time, "sleep", lambda _: seen.append((tmp_path / planned.name).stat().st_size))
    assert write(planned, tmp_path).read_bytes() == render(planned)
    assert 0 < seen[0] < seen[-1] < len(render(planned))


def test_quarters_end_on_their_last_day() -> None:
    ends = [as_of(f"2026Q{quarter}") for quarter in (1, 2, 3, 4)]
    assert ends == [date(2026, 3, 31), date(2026, 6, 30), date(2026, 9, 30), date(2026, 12, 31)]
    for other in ("2026", "2026Q5", "2026-10", "26Q1"):
        with pytest.raises(ValueError, match="quarter"):
            as_of(other)
