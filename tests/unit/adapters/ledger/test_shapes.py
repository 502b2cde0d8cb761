"""Tables, rows and what may be written and asked say the same, column by column."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from sqlalchemy import Column, Integer, LargeBinary, String, Table

from gateway.adapters.ledger import rows
from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.columns import Day, Details, Enumerated, Instant, Names
from gateway.adapters.ledger.notices import Waiting

ROWS = {
    rows.ParcelRow: t.parcels,
    rows.PackageRow: t.packages,
    rows.BatchRow: t.distributions,
    rows.ReceiptRow: t.receipts,
    rows.ObligationRow: t.obligations,
    rows.ChangeRow: t.obligation_changes,
    rows.ReminderRow: t.reminders,
    rows.OutageRow: t.outages,
    rows.InquiryRow: t.inquiries,
    rows.DatedRow: t.dated_records,
    rows.IncomingRow: t.incoming,
    rows.NamedRow: t.incoming_packages,
    rows.StatementRow: t.statements,
    rows.LogRow: t.log_entries,
}
# The columns of a table, as far as one may name them in a `where`, an `add` or an `update`.
KEYWORDS = {
    rows.NewParcel: t.parcels,
    rows.ParcelValues: t.parcels,
    rows.ParcelEqual: t.parcels,
    rows.PackageEqual: t.packages,
    rows.NewBatch: t.distributions,
    rows.BatchValues: t.distributions,
    rows.BatchEqual: t.distributions,
    rows.NewReceipt: t.receipts,
    rows.ReceiptEqual: t.receipts,
    rows.NewObligation: t.obligations,
    rows.ObligationValues: t.obligations,
    rows.ObligationEqual: t.obligations,
    rows.NewChange: t.obligation_changes,
    rows.NewOutage: t.outages,
    rows.InquiryValues: t.inquiries,
    rows.InquiryEqual: t.inquiries,
    rows.DatedValues: t.dated_records,
    rows.NewIncoming: t.incoming,
    rows.IncomingValues: t.incoming,
    rows.IncomingEqual: t.incoming,
    rows.NewNamed: t.incoming_packages,
    rows.NewStatement: t.statements,
    rows.StatementEqual: t.statements,
}
EQUAL = [kind for kind in KEYWORDS if kind.__name__.endswith("Equal")]
NEW = [kind for kind in KEYWORDS if kind.__name__.startswith("New")]
# What the ledger itself writes into a new row.
SET_HERE = {t.parcels: {"updated_at"}, t.obligation_changes: {"obligation", "number", "at"}}
SET_HERE[t.incoming_packages] = {"incoming"}
# Arguments of their own.
APART = {t.obligations: {"kind"}}


def _names(pairs: dict[Any, Table]) -> Any:
    return pytest.mark.parametrize(("kind", "table"), pairs.items(), ids=[kind.__name__ for kind in pairs])


def _agrees(column: Column[Any], hint: Any) -> bool:
    """Does what the code says of a value say the same as the column's type?"""
    if get_origin(hint) is UnionType:
        (alone,) = set(get_args(hint)) - {NoneType}
        return bool(column.nullable) and _agrees_whole(column, alone)
    return not column.nullable and _agrees_whole(column, hint)


def _agrees_whole(column: Column[Any], hint: Any) -> bool:
    kind = column.type
    match kind:
        case Instant():
            return hint is datetime
        case Day():
            return hint is date
        case Enumerated():
            return hint is kind.kind and issubclass(hint, StrEnum)
        case Names():
            return get_origin(hint) is tuple
        case Details():
            return hint == rows.Details
        case LargeBinary():
            return hint is bytes
        case String():
            return hint is str or get_origin(hint) is Literal
        case Integer():
            return hint is int
    return False


@_names(ROWS)
def test_a_row_has_the_columns_of_its_table(kind: type[Any], table: Table) -> None:
    """In its order: rows are read by position."""
    hints = get_type_hints(kind)
    named = [field.name for field in fields(kind) if (kind, field.name) != (rows.InquiryRow, "key")]
    assert named == table.columns.keys()
    assert [name for name in named if not _agrees(table.c[name], hints[name])] == []


@_names(KEYWORDS)
def test_keywords_are_columns_with_their_types(kind: type[Any], table: Table) -> None:
    hints = get_type_hints(kind)
    assert set(hints) <= set(table.columns.keys())
    assert [name for name, hint in hints.items() if not _agrees(table.c[name], hint)] == []


@pytest.mark.parametrize("kind", EQUAL)
def test_rows_are_chosen_by_any_column(kind: type[Any]) -> None:
    table = KEYWORDS[kind]
    assert set(get_type_hints(kind)) == set(table.columns.keys()) - APART.get(table, set())


@pytest.mark.parametrize("kind", NEW)
def test_a_new_row_gives_every_column_and_has_to_give_those_without_a_default(kind: Any) -> None:
    table = KEYWORDS[kind]
    given = set(table.columns.keys()) - SET_HERE.get(table, set())
    needed = {name for name in given if not table.c[name].nullable and table.c[name].default is None}
    assert set(get_type_hints(kind)) == given
    assert needed <= kind.__required_keys__


@pytest.mark.parametrize("kind", [kind for kind in KEYWORDS if kind.__name__.endswith("Values")])
def test_no_update_writes_a_state_or_a_key(kind: type[Any]) -> None:
    table = KEYWORDS[kind]
    assert not set(get_type_hints(kind)) & {"state", *table.primary_key.columns.keys()}


def test_what_a_date_came_from_is_part_of_an_obligation() -> None:
    hints, whole = get_type_hints(rows.Dated), get_type_hints(rows.ObligationRow)
    assert {name: whole[name] for name in hints} == hints


def test_a_notice_that_waits_has_columns_of_its_table() -> None:
    assert {field.name for field in fields(Waiting)} <= set(t.notices.columns.keys())


def test_every_state_is_an_enumeration() -> None:
    held = {table.name: table.c.state.type for table in t.metadata.sorted_tables if "state" in table.c}
    assert {name for name, kind in held.items() if not isinstance(kind, Enumerated)} == {"incoming_packages"}
