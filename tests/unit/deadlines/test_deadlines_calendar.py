import shutil
from datetime import date, datetime
from pathlib import Path

import pytest

from gateway.deadlines import Calendar, CalendarError, OutsideCalendar
from gateway.deadlines.calendar import DayKind
from gateway.deadlines.editions import read_edition, read_folder
from gateway.deadlines.entering import enter

CALENDAR = Path(__file__).parents[3] / "config" / "calendar"
NOTICE_2027 = """edition = "2027"
document = "通知原文（示例）"
off = ["2027-01-01/2027-01-03", "2027-02-06/2027-02-12"]
work = ["2026-12-26", "2027-02-13"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CALENDAR, tmp_path / "calendar"))


def codes(folder: Path) -> set[str]:
    return {fault.code for fault in read_folder(folder)[2]}


def test_days_of_2026(calendar: Calendar) -> None:
    assert calendar.kind(date(2026, 10, 1)) is DayKind.HOLIDAY
    assert calendar.kind(date(2026, 10, 10)) is DayKind.MAKEUP
    assert calendar.kind(date(2026, 10, 11)) is DayKind.WEEKEND
    assert calendar.kind(date(2026, 10, 12)) is DayKind.WORKDAY
    assert calendar.next_working(date(2026, 9, 30)) == date(2026, 10, 8)
    assert calendar.on_or_before(date(2026, 11, 1)) == date(2026, 10, 30)
    assert calendar.shift(date(2026, 10, 9), 2) == date(2026, 10, 12)
    assert calendar.shift(date(2026, 10, 12), -2) == date(2026, 10, 9)


def test_before_2007_is_refused(calendar: Calendar) -> None:
    with pytest.raises(OutsideCalendar):
        calendar.is_working(date(2006, 12, 31))


def test_an_instant_is_not_a_day(calendar: Calendar) -> None:
    with pytest.raises(TypeError):
        calendar.is_working(datetime(2026, 10, 1))


def test_standing_and_edition_at_the_published_end(calendar: Calendar) -> None:
    assert calendar.status(date(2026, 12, 28)) == "final"
    assert calendar.status(date(2026, 12, 29)) == "provisional"
    assert calendar.edition(date(2026, 12, 29)) == "2026"
    assert calendar.edition(date(2027, 1, 1)) == "unpublished"
    assert calendar.is_working(date(2027, 1, 1)), "a plain Friday: no holiday is guessed"


@pytest.mark.parametrize(
    ("known_on", "edition", "worked"),
    [
        ("2020-01-25", "2020@2019-11-21", True),
        ("2020-01-26", "2020", False),
        ("2026-11-21", "2020", False),
        ("2019-11-20", "unpublished", True),
    ],
)
def test_the_extension_of_2020_as_known_on_a_day(calendar: Calendar, known_on: str, edition: str, worked: bool) -> None:
    then = calendar.as_known_on(date.fromisoformat(known_on))
    assert then.edition(date(2020, 1, 31)) == edition
    assert then.is_working(date(2020, 1, 31)) is worked


def test_what_was_not_known_was_provisional(calendar: Calendar) -> None:
    then = calendar.as_known_on(date(2019, 11, 20))
    assert then.published_through == date(2019, 12, 28)
    assert then.status(date(2020, 1, 2)) == "provisional"
    assert then.as_known_on(date(2026, 11, 21)) == calendar.as_known_on(date(2026, 11, 21))
    assert calendar.as_known_on(date(2026, 11, 21)).published_through == date(2026, 12, 28)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("2027.toml", "edition = ", "610"),
        ("2027.toml", NOTICE_2027 + "extra = 1\n", "611"),
        ("2027.toml", NOTICE_2027.replace("2027-02-12", "2027-02-30"), "612"),
        ("2027.toml", NOTICE_2027.replace("2027-02-12", "2027-02-05"), "612"),
        ("2027.toml", NOTICE_2027.replace("2027-02-12", "2027-03-12"), "612"),
        ("2027.toml", NOTICE_2027.replace('["2026-12-26", "2027-02-13"]', "2027-02-13"), "612"),
        ("2027.toml", NOTICE_2027.replace("2027-02-13", "2027-02-15"), "613"),
        ("2027.toml", NOTICE_2027.replace("2027-02-13", "2027-02-06"), "613"),
        ("2027.toml", NOTICE_2027.replace('"2027"', '"2027b"'), "614"),
        ("2027.toml", NOTICE_2027.replace('"2027"', '"2026"'), "614"),
        ("2028.toml", NOTICE_2027.replace("2027", "2028").replace("2026", "2027"), "615"),
        ("published.toml", "published_through = 2027-01-01\n", "616"),
        ("published.toml", "published_through = 'soon'\n", "612"),
        ("published.toml", "", "619"),
        ("2027.toml", NOTICE_2027.replace("2026-12-26", "2026-10-04").replace("2027-01-01/", "2027-01-01/"), "618"),
        ("2027.toml", NOTICE_2027.replace("2027-02-06/", "2027-02-06 ").replace("off", "of"), "619"),
    ],
)
def test_each_fault_has_its_code(folder: Path, name: str, text: str, code: str) -> None:
    (folder / name).write_text(text, "utf-8")
    assert code in codes(folder)
    with pytest.raises(CalendarError):
        Calendar.load(folder)


def test_neighbours_that_disagree_are_a_fault(folder: Path) -> None:
    notice = NOTICE_2027.replace('"2026-12-26", ', "").replace("2027-01-01/2027-01-03", "2026-12-26/2026-12-27")
    (folder / "2027.toml").write_text(notice, "utf-8")
    old = (folder / "2026.toml").read_text("utf-8")
    (folder / "2026.toml").write_text(old.replace('"2026-10-10"', '"2026-10-10", "2026-12-26"'), "utf-8")
    assert codes(folder) == {"617"}


def test_every_fault_is_reported_at_once_with_its_line(folder: Path) -> None:
    (folder / "2027.toml").write_text(NOTICE_2027.replace("2027-02-13", "2027-02-15") + "extra = 1\n", "utf-8")
    (folder / "2015.toml").unlink()
    with pytest.raises(CalendarError) as caught:
        Calendar.load(folder)
    found = {(fault.code, fault.file, fault.line) for fault in caught.value.faults}
    assert found == {("613", "2027.toml", 4), ("611", "2027.toml", 5), ("615", "published.toml", 0)}


def test_an_edition_reads_as_it_is_written(tmp_path: Path, calendar: Calendar) -> None:
    for edition in calendar.editions:
        path = tmp_path / f"{edition.id}.toml"
        path.write_text(edition.as_toml(), "utf-8")
        assert read_edition(path) == (edition, [])


def test_entering_next_years_notice_settles_dates(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "notice.toml"
    file.write_text(NOTICE_2027, "utf-8")
    entered = enter(folder, file)
    assert entered.files == ("2027.toml", "published.toml")
    # Worked now: the Saturdays 12-26 and 02-13. At rest now: Friday 01-01, and Monday 02-08 to Friday 02-12.
    assert entered.changed == (
        date(2026, 12, 26),
        date(2027, 1, 1),
        *(date(2027, 2, n) for n in (8, 9, 10, 11, 12, 13)),
    )
    after = Calendar.load(folder)
    assert after == entered.calendar
    assert after.published_through == date(2027, 12, 28)
    assert after.status(date(2026, 12, 29)) == "final"
    assert after.edition(date(2026, 12, 26)) == "2027"
    assert "暂定" in (folder / "published.toml").read_text("utf-8"), "the administrator's own words stay"
    assert enter(folder, file).files == (), "entering it again changes nothing"


def test_an_amendment_keeps_the_edition_before(folder: Path, tmp_path: Path, calendar: Calendar) -> None:
    text = (folder / "2026.toml").read_text("utf-8").replace('"2026-10-10"', '"2026-10-11"')
    file = tmp_path / "notice.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(CalendarError) as caught:
        enter(folder, file)
    assert [fault.code for fault in caught.value.faults] == ["620"]
    assert Calendar.load(folder) == calendar, "a refused notice changes nothing"
    entered = enter(folder, file, date(2026, 9, 1))
    assert entered.files == ("2026@before-2026-09-01.toml", "2026.toml")
    assert entered.changed == (date(2026, 10, 10), date(2026, 10, 11))
    after = Calendar.load(folder)
    assert not after.is_working(date(2026, 10, 10))
    assert after.as_known_on(date(2026, 8, 31)).is_working(date(2026, 10, 10))
    assert not after.as_known_on(date(2026, 9, 1)).is_working(date(2026, 10, 10))


def test_a_faulty_notice_writes_nothing(folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    file = tmp_path / "notice.toml"
    file.write_text(NOTICE_2027.replace("2027-02-13", "2027-02-15"), "utf-8")
    with pytest.raises(CalendarError):
        enter(folder, file)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
