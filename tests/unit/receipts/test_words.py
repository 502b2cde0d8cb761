"""Both languages are complete, and nothing stands in the table that no page uses."""

from __future__ import annotations

import re
import string
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from gateway.instants import SHANGHAI
from gateway.policy.facts import Language
from gateway.receipts.words import Words, area, change, moment, plain, share, table


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_key_has_both_languages_with_the_same_placeholders() -> None:
    for key, row in table().items():
        assert set(row) == {"zh", "en"}, key
        chinese, english = row["zh"], row["en"]
        assert type(chinese) is type(english), key
        if isinstance(chinese, list):
            assert len(chinese) == len(english) > 0, key
            chinese, english = "\n".join(chinese), "\n".join(english)
        assert chinese.strip(), key
        assert str(english).strip(), key
        assert placeholders(chinese) == placeholders(str(english)), key


def test_every_key_that_is_asked_for_is_there_and_every_key_is_asked_for() -> None:
    package = Path(str(files("gateway.receipts")))
    sources = [*package.rglob("*.py"), *(package / "pages").glob("*.html")]
    text = "\n".join(source.read_text("utf-8") for source in sources)
    sections = {key.partition(".")[0] for key in table()}
    named = set(re.findall(r'"([a-z_]+\.[a-z0-9_]+)"(?! ~)', text))
    asked = {key for key in named if key.partition(".")[0] in sections and not key.endswith(".html")}
    assert len(asked) > 100
    assert asked <= set(table()), asked - set(table())
    composed = {"status", "first", "steps", "kind", "decided", "due_what", "due_status", "state", "origin", "quality"}
    literal = set(re.findall(r'"([a-z_]+\.[a-z0-9_]+)"', text))
    needs = {f"page.{key}" for key in re.findall(r'"(need_[a-z]+)"', text)}
    spelled = {"page.do_fault", "page.do_held", "page.blame_fault", "page.blame_held", "page.blame_deferred"}
    spelled |= {"receipt.tag_error", "receipt.tag_warning", "page.extended"}
    composed |= {
        "collection",
        "quality_short",
        "notice",
        "passed_kind",
        "bulletin",
        "asked",
    }  # two of them in the corridors
    unused = {key for key in table() if key.partition(".")[0] not in composed} - literal - needs - spelled
    assert not unused, unused


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_missing_word_or_value_is_an_error(language: Language) -> None:
    words = Words(language)
    with pytest.raises(KeyError):
        words("receipt.nothing")
    with pytest.raises(KeyError):
        words("receipt.to")
    assert words.get("due_what.invented", "invented") == "invented"


@pytest.mark.parametrize(
    ("period", "chinese", "english"),
    [
        ("2026Q3", "2026年第三季度", "Q3 2026"),
        ("2026-10", "2026年10月", "October 2026"),
        ("2026H1", "2026年上半年", "first half of 2026"),
        ("2026", "2026年", "2026"),
        ("", "不分期", "no period"),
        ("2026Q9", "2026Q9", "2026Q9"),
    ],
)
def test_periods_in_words(period: str, chinese: str, english: str) -> None:
    assert Words("zh").period(period) == chinese
    assert Words("en").period(period) == english


def test_a_share_never_hides_what_is_there() -> None:
    assert [share(0, 0), share(0, 9), share(1, 1_000_000), share(15, 1000), share(999_999, 1_000_000), share(9, 9)] == [
        "0",
        "0",
        "<0.1%",
        "1.5%",
        ">99.9%",
        "100.0%",
    ]


def test_a_date_that_ends_at_midnight_is_told_by_its_day() -> None:
    words, day = Words("zh"), date(2026, 10, 31)
    assert words.until(day, datetime(2026, 11, 1, tzinfo=SHANGHAI)) == "2026-10-31（含当日，至 24:00）"
    assert words.until(day, datetime(2026, 10, 31, 17, tzinfo=SHANGHAI)) == "2026-10-31 17:00 止"


def test_instants_are_told_in_shanghai_time_and_sizes_exactly() -> None:
    assert moment(datetime.fromisoformat("2026-10-20T18:30:00+00:00")) == "2026-10-21 02:30"
    assert moment(None) == "–"
    assert Words("zh").size(1_234_567) == "1.2 MB（1,234,567 字节）"
    assert Words("en").size(12) == "12 bytes"
    assert plain("a\u202eb\x00c") == "a\ufffdb\ufffdc"


def test_days_of_letters() -> None:
    assert Words("zh").day(date(2026, 11, 1)) == "2026年11月1日"
    assert Words("en").day(date(2026, 11, 1)) == "1 November 2026"


def test_a_change_never_hides_what_is_there() -> None:
    pairs = [(100, 100), (0, 0), (100_001, 100_000), (104, 100), (69, 100), (0, 100), (1335, 100)]
    assert [change(*pair) for pair in pairs] == ["0", "0", "+<0.1%", "+4.0%", "−31.0%", "−100%", "+1,235%"]


def test_area_codes_lose_the_levels_that_say_nothing() -> None:
    assert [area(code) for code in ("440000", "440100", "440103", "440103001000", "100000", "66")] == [
        "44",
        "4401",
        "440103",
        "440103001",
        "10",
        "66",
    ]
