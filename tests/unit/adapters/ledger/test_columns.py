"""The types of columns: what comes back is what went in, and what lies in the database is what always lay there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import StatementError

from gateway.adapters.ledger import make_engine
from gateway.adapters.ledger.columns import Day, Details, Enumerated, Instant, Names


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Fewer(StrEnum):
    RED = "red"


THINGS = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", Instant),
    Column("day", Day),
    Column("colour", Enumerated(Colour, 8)),
    Column("detail", Details),
    Column("names", Names),
)
FEWER = Table("things", MetaData(), Column("id", Integer, primary_key=True), Column("colour", Enumerated(Fewer, 8)))
SHANGHAI = timezone(timedelta(hours=8))
FULL: Mapping[str, Any] = {
    "at": datetime(2026, 10, 20, 9, 0, 0, 5, SHANGHAI),
    "day": date(2026, 10, 31),
    "colour": Colour.GREEN,
    "detail": {"说": "缺 2 条", "missing": 2},
    "names": ("p-1", "p-2"),
}
SPELLED = {
    "at": "2026-10-20T01:00:00.000005Z",
    "day": "2026-10-31",
    "colour": "green",
    "detail": '{"missing": 2, "说": "缺 2 条"}',
    "names": "p-1 p-2",
}


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = make_engine(url)
    THINGS.metadata.create_all(made)
    yield made
    made.dispose()


def put(engine: Engine, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(insert(THINGS).values(**values))


@pytest.mark.parametrize("name", FULL)
def test_a_value_comes_back_as_it_went_in(engine: Engine, name: str) -> None:
    put(engine, id=1, **{name: FULL[name]})
    with engine.connect() as connection:
        found = connection.execute(select(THINGS.c[name])).scalar_one()
        spelled = connection.execute(text(f"SELECT {name} FROM things")).scalar_one()
    assert (found, type(found)) == (FULL[name], type(FULL[name]))
    assert spelled == SPELLED[name]


def test_what_is_absent_is_null(engine: Engine) -> None:
    put(engine, id=1)
    with engine.connect() as connection:
        assert connection.execute(select(THINGS)).one() == (1, None, None, None, None, None)
        assert connection.execute(select(THINGS.c.id).where(*(THINGS.c[n] == None for n in FULL))).all() == [(1,)]  # noqa: E711
        assert connection.execute(text("SELECT count(*) FROM things WHERE at IS NULL")).scalar_one() == 1


def test_an_instant_is_aware_and_in_utc_and_sorts(engine: Engine) -> None:
    put(engine, id=1, at=FULL["at"])
    put(engine, id=2, at=FULL["at"] - timedelta(microseconds=1))
    with engine.connect() as connection:
        found = connection.execute(select(THINGS.c.at).order_by(THINGS.c.at)).scalars().all()
        here = select(THINGS.c.id).where(THINGS.c.at >= FULL["at"])
        assert connection.execute(here).scalars().all() == [1]
    assert found == [FULL["at"] - timedelta(microseconds=1), FULL["at"]]
    assert {at.tzinfo for at in found} == {UTC}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"at": datetime(2026, 10, 20)}, "naive"),
        ({"day": datetime(2026, 10, 20, tzinfo=UTC)}, "no day"),
        ({"colour": "blue"}, "blue"),
        ({"names": "p-1"}, "no sequence"),
    ],
)
def test_what_has_no_spelling_is_not_written(engine: Engine, values: dict[str, object], reason: str) -> None:
    with pytest.raises(StatementError, match=reason):
        put(engine, id=1, **values)
    with engine.connect() as connection:
        assert connection.execute(select(THINGS)).all() == []


def test_a_value_that_the_enumeration_lacks_is_not_read(engine: Engine) -> None:
    put(engine, id=1, colour=Colour.GREEN)
    with engine.connect() as connection, pytest.raises(KeyError):
        connection.execute(select(FEWER)).all()
