"""The receipt as data: counts add up, bytes are canonical, and what is read back is equal."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from gateway.parcels import Kind
from gateway.receipts.receipt import Counts, LogEntry, Receipt, number, parse

Make = Callable[..., Receipt]


@pytest.mark.parametrize(
    "counts",
    [
        (1000, 985, 14, 0, {}),
        (1000, 985, 16, 0, {}),
        (1000, 985, 15, 0, {"45": 600, "43": 384}),
        (1000, 985, 15, 986, {}),
        (-1, -1, 0, 0, {}),
        (True, True, 0, 0, {}),
    ],
)
def test_counts_that_do_not_add_up_raise(counts: tuple[int, int, int, int, dict[str, int]]) -> None:
    with pytest.raises(ValueError, match="count"):
        Counts(*counts)


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "accepted"},
        {"stage": "refused"},
        {"stage": "nonsense"},
        {"stage": "partly_refused", "counts": Counts(10, 10, 0, 0, {"45": 10})},
        {"stage": "partly_refused", "counts": Counts(10, 0, 10)},
        {"stage": "accepted", "counts": Counts(10, 10)},
        {"stage": "accepted", "kind": Kind.NIL, "counts": Counts(10, 10, 0, 0, {"45": 10})},
        {"sha256": "A" * 64},
        {"sha256": ""},
        {"sha256": "", "salt": "A" * 64},
        {"sha256": 0, "salt": "a" * 64},
        {"salt": "a" * 63},
        {"facts": ""},
        {"code": "1"},
        {"number": "20261021-000124"},
        {"received_at": datetime(2026, 10, 21)},
        {"issued_at": datetime.fromisoformat("2026-10-20T00:00:00+08:00")},
        {"size": -1},
        {"decided_by": "guess"},
        {"detail": {"share": 0.5}},
        {"label": 7},
    ],
)
def test_a_receipt_that_contradicts_itself_raises(make: Make, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        make(**changes)


def test_numbers_follow_the_log() -> None:
    assert number(date(2026, 10, 21), 123) == "20261021-000123"
    assert number(date(2026, 10, 21), 12_345_678) == "20261021-12345678"
    assert len({number(date(2026, 10, 21), seq) for seq in range(2000)}) == 2000
    with pytest.raises(ValueError):
        number(date(2026, 10, 21), -1)


def test_every_variant_reads_back_equal_with_the_same_bytes(variants: dict[str, Receipt]) -> None:
    for receipt in variants.values():
        data = receipt.to_json()
        assert parse(data) == receipt
        assert parse(data).to_json() == data


def test_bytes_are_canonical_and_hold_texts_and_whole_numbers_only(make: Make) -> None:
    receipt = make()
    data = receipt.to_json()
    document = json.loads(data)
    assert data == json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert data == make(codes={"431": 7, "421": 10}).to_json()
    assert document["counts"] == {
        "in": 1000,
        "accepted": 985,
        "refused": 15,
        "warned": 12,
        "out": {"43": 385, "45": 600},
    }
    assert document["received_at"] == "2026-10-21T14:01:22+08:00"

    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            return [leaf for inner in value.values() for leaf in leaves(inner)]
        if isinstance(value, list):
            return [leaf for inner in value for leaf in leaves(inner)]
        return [value]

    assert {type(leaf) for leaf in leaves(document)} == {str, int}


def test_with_a_salt_it_is_of_format_2(make: Make) -> None:
    """Its digest may be untold then; one of format 1 is read as it was."""
    plain, salted = make(), make(salt="a" * 64, sha256="")
    assert json.loads(plain.to_json())["format"] == 1
    document = json.loads(salted.to_json())
    assert (document["format"], document["salt"], document["sha256"]) == (2, "a" * 64, "")
    assert parse(salted.to_json()) == salted
    for bad in (salted.to_json().replace(b'"format":2', b'"format":1'), make(salt="a" * 64).to_json()[:-1] + b" }"):
        with pytest.raises(ValueError):
            parse(bad)


def test_the_zone_does_not_change_the_bytes(make: Make) -> None:
    elsewhere = make(received_at=datetime.fromisoformat("2026-10-21T06:01:22+00:00"))
    assert elsewhere.to_json() == make().to_json()


def test_only_the_canonical_form_is_read(make: Make) -> None:
    data = make().to_json()
    document = json.loads(data)
    spoiled = [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        data + b"\n",
        json.dumps(document).encode(),
        data.replace(b'"in":1000', b'"in":1000.0'),
        data.replace(b'"in":1000', b'"in":1001'),
        data.replace(b'"seq":123', b'"seq":true'),
        data.replace(b'"revision":1', b'"revision":true'),
        data.replace(b'"stage"', b'"file":"x","stage"'),
        data.replace(b'"period":"2026Q3"', b'"period":null'),
        data.replace(b'"kind":"new"', b'"kind":"gift"'),
        b"[" * 100_000,
    ]
    for bad in spoiled:
        assert bad != data
        with pytest.raises(ValueError):
            parse(bad)


def test_the_entry_decides_the_number(make: Make) -> None:
    moved = make(number="20261021-000124", log=LogEntry("national.example/log", 124, "0" * 64))
    assert moved != make()
    assert replace(moved, number="20261021-000123", log=make().log) == make()
