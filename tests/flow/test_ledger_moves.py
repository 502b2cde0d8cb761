"""A ledger from before obligations had kinds, brought to the newest version, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import IntegrityError

from gateway.adapters import ledger as room
from gateway.adapters.ledger import Ledger

OWED = "submission:migrants-inflow:340000:2026Q3"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        yield request.getfixturevalue("postgres").fresh()


def upgrade(engine: sa.Engine, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(room.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def insert(engine: sa.Engine, name: str, **values: object) -> None:
    with engine.begin() as connection:
        table = sa.Table(name, sa.MetaData(), autoload_with=connection)
        text = {c.name: 0 if isinstance(c.type, sa.Integer) else "" for c in table.columns if c.server_default is None}
        connection.execute(sa.insert(table).values(text | values))


def test_what_was_owed_is_owed_and_a_delivery_may_be_stated_again(url: str) -> None:
    engine = sa.create_engine(url)
    upgrade(engine, "0004")
    old = {"agreement": "migrants-inflow", "party": "340000", "period": "2026Q3", "due": "2026-11-01"}
    old |= {"expires_at": "2026-11-01T16:00:00.000000Z", "status": "final", "edition": "2026", "state": "open"}
    insert(engine, "obligations", id=OWED, **old)
    upgrade(engine, "0008")
    stated = {"parcel": "p1", "party": "330000", "stage": "delivered", "code": "100", "about": "440000", "body": b"{}"}
    insert(engine, "receipts", number="20261022-000001", **stated)
    engine.dispose()
    ledger = Ledger(url)
    ledger.migrate()
    ledger.migrate()  # at every start
    with ledger.reading() as reading:
        owed = reading.obligation(OWED)
        (receipt,) = reading.receipts()
    assert owed is not None
    assert (owed.kind, owed.subject, owed.due, owed.state) == ("submission", "2026Q3", "2026-11-01", "open")
    assert (owed.dated_by, owed.dated_seq, owed.source, owed.remind_at[:4]) == ("", 0, "", "2000")
    assert (receipt.number, receipt.issue) == ("20261022-000001", 0)
    ledger.close()
    engine = sa.create_engine(url)
    insert(engine, "receipts", number="20261023-000002", issue=1, **stated)
    with pytest.raises(IntegrityError):
        insert(engine, "receipts", number="20261024-000003", issue=1, **stated)
    engine.dispose()
