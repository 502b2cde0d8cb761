"""A receipt read back from its canonical JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from gateway.parcels import Kind
from gateway.reading import Reading
from gateway.receipts.receipt.parts import Counts, DueDate, LogEntry
from gateway.receipts.receipt.statement import Receipt


def parse(data: bytes) -> Receipt:
    """The receipt of canonical JSON. `ValueError` for anything else: other keys, other types, other order or spacing,
    counts that do not add up. What is accepted gives the same bytes again."""
    try:
        receipt = _read(json.loads(data))
        same = receipt.to_json() == data
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a receipt: {type(error).__name__}") from None
    if not same:
        raise ValueError("not a receipt in canonical form")
    return receipt


def _read(document: Mapping[str, Any]) -> Receipt:
    counts = document["counts"]
    return Receipt(
        number=document["number"],
        stage=document["stage"],
        code=document["code"],
        issuer=document["issuer"],
        parcel=document["parcel"],
        sha256=document["sha256"],
        size=document["size"],
        sender=document["sender"],
        receivers=tuple(document["receivers"]),
        agreement=document["agreement"],
        label=document["label"],
        counts=Counts(counts["in"], counts["accepted"], counts["refused"], counts["warned"], counts["out"]),
        period=document["period"],
        kind=Kind(document["kind"]) if "kind" in document else None,
        revision=document["revision"],
        decided_by=document.get("decided_by"),
        received_at=datetime.fromisoformat(document["received_at"]),
        issued_at=datetime.fromisoformat(document["issued_at"]),
        log=LogEntry(**document["log"]),
        facts=document["facts"],
        packages=tuple(document["packages"]),
        due=tuple(
            DueDate(
                due["what"],
                date.fromisoformat(due["date"]),
                datetime.fromisoformat(due["expires_at"]),
                due["status"],
                due["edition"],
                due.get("by", ""),
                tuple(due.get("areas", ())),
            )
            for due in document["due"]
        ),
        codes=document["codes"],
        detail=document["detail"],
        quality=document.get("quality", {}),
        fields=document.get("fields", {}),
        reconciled={
            cases: tuple((cell["province"], cell["stated"], cell["held"]) for cell in cells)
            for cases, cells in document.get("reconciled", {}).items()
        },
        salt=document.get("salt", ""),
        reading=Reading.from_json(document.get("reading", {})),
    )
