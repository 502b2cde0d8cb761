"""One parcel or batch with its history, and rows of them as programs read them: the ledger's columns, instants as RFC
3339 text, empty text for what is absent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from gateway.adapters.ledger.rows import StatementRow
from gateway.instants import rfc3339
from gateway.node import Node


class _Row(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


def parcel(node: Node, identity: str) -> dict[str, Any] | None:
    """`identity` names a parcel, a batch of ours, or one of another gateway's. `statements`: what other gateways signed
    about it, and what this node did. None where there is no such thing."""
    with node.ledger.reading() as reading:
        shown: Any = reading.parcels.get(identity)
        packages = reading.packages.where(parcel=identity)
        stated = [s for p in packages for s in reading.statements.where(package=p.id)]
        if shown is None:
            shown = reading.batches.get(identity) or reading.incoming.get(identity)
            packages = reading.packages.where(distribution=identity)
            stated = reading.statements.where(about=identity)
        if shown is None:
            return None
        return {
            "parcel": row(shown),
            "packages": [
                {"id": p.id, "receiver": p.receiver, "records": p.records, "state": str(p.state), "sha256": p.sha256}
                for p in packages
            ],
            "receipts": [
                {"number": r.number, "stage": r.stage, "code": r.code} for r in reading.receipts.where(parcel=identity)
            ],
            "statements": [_statement(s) for s in stated],
            "log": [
                {"seq": e.seq, "event": str(e.event), "logged_at": rfc3339(e.logged_at)}
                for e in reading.entries.of(identity)
            ],
        }


def row(found: _Row) -> dict[str, Any]:
    """A row of the ledger, field by field."""
    return {field: spelled(getattr(found, field)) for field in found.__dataclass_fields__}


def spelled(value: object) -> Any:
    """A column's value as JSON has it."""
    match value:
        case None:
            return ""
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
        case StrEnum():
            return str(value)
        case Mapping():
            return json.dumps(dict(value), ensure_ascii=False, sort_keys=True)
        case _:
            return value


def _statement(row: StatementRow) -> dict[str, str]:
    """Without its bytes; whether it has a proof is said of a receipt."""
    fields = ("issuer", "receiver", "kind", "state", "code", "stage", "number", "about", "package")
    proof = {"proof": "yes" if row.proof else "no"} if row.kind == "receipt" else {}
    return {**{field: str(getattr(row, field)) for field in fields}, "at": rfc3339(row.at), **proof}
