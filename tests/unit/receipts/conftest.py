"""Receipts, lists and views as they occur, without a person in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from gateway.instants import SHANGHAI
from gateway.parcels import AgreementId, DistributionId, Kind, Listed, PackageId, ParcelId, PartyId
from gateway.receipts.letters import Letter
from gateway.receipts.listing import DistributionList, Withdrawn
from gateway.receipts.receipt import Counts, DueDate, LogEntry, Receipt
from gateway.receipts.views import (
    Dataset,
    Disk,
    ExpiringKey,
    LogHead,
    PartyRow,
    ReceiverRow,
    State,
    StatusView,
    StoppedParcel,
    Submission,
)

SHORT = (
    "11北京 12天津 13河北 14山西 15内蒙古 21辽宁 22吉林 23黑龙江 31上海 32江苏 33浙江 34安徽 35福建 36江西 37山东 "
    "41河南 42湖北 43湖南 44广东 45广西 46海南 50重庆 51四川 52贵州 53云南 54西藏 61陕西 62甘肃 63青海 64宁夏 65新疆 "
    "66兵团"
)
PROVINCES = {entry[:2]: entry[2:] for entry in SHORT.split()}
FACTS = "f" * 64
NOW = datetime(2026, 10, 21, 14, 3, 22, tzinfo=SHANGHAI)
DUE = DueDate(
    "supplement", date(2026, 10, 31), datetime(2026, 11, 1, tzinfo=SHANGHAI), "final", "国办发明电〔2025〕7号"
)
PARTS: dict[str, Any] = {"part": 1, "parts": 3, "missing": "2、3"}
SMALL: dict[str, Any] = {"accepted": 800, "replaced": 1000}


def digest(seed: int) -> str:
    return sha256(str(seed).encode()).hexdigest()


@pytest.fixture
def make() -> Callable[..., Receipt]:
    """A partly refused receipt, with changes."""

    def make(**changes: Any) -> Receipt:
        base = Receipt(
            number="20261021-000123",
            stage="partly_refused",
            code="101",
            issuer=PartyId("national"),
            parcel=ParcelId("p-0001"),
            sha256=digest(1),
            size=1_234_567,
            sender=PartyId("guangdong"),
            receivers=(PartyId("guangxi"), PartyId("hunan")),
            agreement=AgreementId("migrants-inflow"),
            label="跨省流入人口个案",
            counts=Counts(1000, 985, 15, 12, {"45": 600, "43": 385}),
            period="2026Q3",
            kind=Kind.NEW,
            revision=1,
            decided_by="name",
            received_at=NOW - timedelta(minutes=2),
            issued_at=NOW,
            log=LogEntry("national.example/log", 123, digest(2)),
            facts=FACTS,
            packages=(PackageId("migrants-inflow_guangdong_guangxi_2026Q3_r1_0a1b2c3d"),),
            due=(DUE,),
            codes={"421": 10, "431": 7},
        )
        return replace(base, **changes)

    return make


@pytest.fixture
def variants(make: Callable[..., Receipt]) -> dict[str, Receipt]:
    """One receipt for every case of the words' `first` section."""
    good = Counts(1000, 1000, 0, 0, {"43": 400, "45": 600})
    added = Counts(15, 15, 0, 0, {"45": 15})
    quiet: dict[str, Any] = {"counts": Counts(), "due": (), "codes": {}, "packages": (), "receivers": ()}
    return {
        "received": make(stage="received", code="100", **quiet),
        "accepted": make(stage="accepted", code="100", counts=good, due=(), codes={}),
        "warned": make(stage="accepted", code="100", counts=replace(good, warned=12), due=(), codes={"452": 12}),
        "partly_refused": make(),
        "all_refused": make(stage="refused", code="229", counts=Counts(1000, 0, 1000), packages=(), receivers=()),
        "refused": make(
            stage="refused",
            code="223",
            **{**quiet, "due": (replace(DUE, what="resubmission"),)},
            period="",
            kind=None,
            decided_by=None,
        ),
        "held": make(stage="held", code="224", **{**quiet, "counts": Counts(800, 800)}, kind=Kind.REPLACE, revision=2),
        "nil": make(stage="accepted", code="102", **quiet, kind=Kind.NIL),
        "void": make(stage="accepted", code="104", **quiet, kind=Kind.VOID, revision=2),
        "part": make(stage="accepted", code="103", kind=Kind.PART, counts=good, codes={}, due=(), detail=PARTS),
        "part_refused": make(code="101", kind=Kind.PART, detail=PARTS),
        "part_complete": make(stage="accepted", code="100", kind=Kind.PART, counts=good, codes={}, due=(), revision=3),
        "supplement": make(
            stage="accepted", code="100", kind=Kind.SUPPLEMENT, counts=added, codes={}, due=(), revision=2
        ),
        "replace": make(stage="accepted", code="105", kind=Kind.REPLACE, counts=good, codes={}, due=(), revision=2),
        "held_small": make(
            stage="held",
            code="224",
            **{**quiet, "counts": Counts(800, 800)},
            kind=Kind.REPLACE,
            revision=2,
            detail=SMALL,
        ),
        "nothing_to_add": make(stage="refused", code="265", **quiet, kind=Kind.SUPPLEMENT, revision=2),
        "small_refused": make(
            stage="refused",
            code="224",
            **{**quiet, "counts": Counts(800, 0, 800), "due": (replace(DUE, what="resubmission"),)},
            kind=Kind.REPLACE,
            revision=2,
            detail=SMALL,
        ),
        "duplicate": make(stage="refused", code="220", **quiet, detail={"original": "20261019-000088"}),
        "duplicate_open": make(code="220"),
        "released": make(stage="released", code="100", **quiet),
        "delivered": make(stage="delivered", code="100", **quiet),
        "acknowledged": make(stage="acknowledged", code="100", **quiet),
        "unconfirmed": make(stage="unconfirmed", code="100", **quiet),
        "expired": make(stage="expired", code="100", **quiet),
        "withdrawn": make(stage="withdrawn", code="100", **quiet),
    }


def included(code: str, revision: int = 1, records: int = 1234) -> Listed:
    package = f"migrants-inflow_p{code}_p45_2026Q3_r{revision}_{digest(int(code))[:8]}"
    old = PackageId(f"migrants-inflow_p{code}_p45_2026Q3_r{revision - 1}_00000000") if revision > 1 else None
    return Listed(
        PartyId(f"p{code}"), "included", PackageId(package), records, digest(int(code) + 7), records * 61, old
    )


@pytest.fixture
def listing() -> DistributionList:
    """The first batch for one receiver: 28 packages, two nil, one missing."""
    lines = []
    for position, code in enumerate(PROVINCES):
        if code == "45":
            continue
        if code in {"54", "66"}:
            lines.append(Listed(PartyId(f"p{code}"), "nil"))
        elif code == "63":
            lines.append(Listed(PartyId(f"p{code}"), "missing"))
        else:
            lines.append(included(code, 2 if code == "44" else 1, 217 * position + 91))
    return DistributionList(
        DistributionId("migrants-inflow-2026Q3-1-p45"),
        AgreementId("migrants-inflow"),
        "跨省流入人口个案",
        "2026Q3",
        1,
        PartyId("national"),
        PartyId("p45"),
        NOW,
        FACTS,
        tuple(lines),
        LogEntry("national.example/log", 456, digest(3)),
    )


@pytest.fixture
def withdrawing(listing: DistributionList) -> DistributionList:
    """A second batch: one origin withdrew what it had sent, one corrected it with nothing for this receiver, one sends
    a new package in place of two old ones."""
    old = [f"migrants-inflow_p{code}_p45_2026Q3_r{n}_{digest(n)[:8]}" for code, n in (("21", 1), ("13", 1), ("35", 1))]
    lines = [
        replace(line, package=None, records=0, sha256=None, size=0, replaces=None) if line.package else line
        for line in listing.lines
        if line.origin not in {"p21", "p13", "p44"}
    ]
    lines += [Listed(PartyId("p21"), "missing"), Listed(PartyId("p13"), "nil")]
    lines.append(replace(included("44", 3, 512), replaces=f"{included('44').package} {included('44', 2).package}"))
    return replace(
        listing,
        distribution=DistributionId("migrants-inflow-2026Q3-2-p45"),
        batch=2,
        lines=tuple(lines),
        withdrawn=(
            Withdrawn(PartyId("p21"), PackageId(old[0]), "void"),
            Withdrawn(PartyId("p13"), PackageId(old[1]), "replaced"),
        ),
    )


@pytest.fixture
def letter() -> Letter:
    """The second letter to a province that sent nothing, five working days after the date."""
    return Letter(
        number="催报〔2026〕1523号",
        day=date(2026, 11, 6),
        party=PartyId("p63"),
        party_name="青海省卫生健康委员会",
        agreement=AgreementId("migrants-inflow"),
        label="跨省流入人口个案",
        period="2026Q3",
        due=date(2026, 11, 1),
        working_days=5,
        basis="国家人口计生委关于印发全员流动人口统计信息工作方案的通知",
        earlier=(date(2026, 10, 30),),
        contact="示例联络员 000-0000-0000",
    )


@pytest.fixture
def names() -> dict[str, str]:
    return {**PROVINCES, **{f"p{code}": name for code, name in PROVINCES.items()}}


@pytest.fixture
def view() -> StatusView:
    """A node in the middle of a quarter, with one of everything."""
    due = date(2026, 11, 1)
    cycle: tuple[State, ...] = ("sent", "sent", "partly_refused", "sent", "nil", "sent", "late", "sent", "corrected")
    agreements = ("migrants-inflow", "migrants-outflow", "migrants-statistics")
    special: dict[str, State] = {"54": "missing", "63": "missing", "22": "refused", "62": "held", "66": "owed"}
    rows = []
    for position, (code, name) in enumerate(PROVINCES.items()):
        submissions = {}
        for shift, agreement in enumerate(agreements):
            state = special.get(code) or cycle[(position + shift) % len(cycle)]
            if code == "66" and agreement == "migrants-outflow":
                continue
            if code == "37" and agreement == "migrants-statistics":
                state = "withdrawn"
            silent = state in {"missing", "owed"}
            records = 0 if silent or state == "nil" else 1000 + position * position * 977
            refused = records // 60 if state == "partly_refused" else records if state == "refused" else 0
            received = None if silent else NOW - timedelta(days=2, minutes=17 * position)
            own = date(2026, 11, 10) if state == "owed" else None
            change = (100, 98, 104, 131, 100, 69, 111)[(position + 2 * shift) % 7]
            before = None if code == "11" else 0 if code == "14" else records * 100 // change
            chased = NOW - timedelta(days=3) if silent and state == "missing" else None
            parts = (2, 3) if code == "42" and not shift else None
            submissions[agreement] = Submission(state, records, refused, received, own, before, chased, parts)
        rows.append(PartyRow(f"p{code}", f"{code}0000", name, submissions, "示例联络员 000-0000-0000"))
    return StatusView(
        node="国家节点",
        at=NOW,
        period="2026Q3",
        running=True,
        disk=Disk(312 << 30, 900 << 30, 1 << 30),
        log=LogHead("national.example/log", 1482, digest(5), NOW - timedelta(minutes=1)),
        last_scan=NOW - timedelta(seconds=2),
        datasets=(
            Dataset("migrants-inflow", "流入", due),
            Dataset("migrants-outflow", "流出", due),
            Dataset("migrants-statistics", "统计表", due),
        ),
        parties=tuple(rows),
        stopped=(
            StoppedParcel(
                "2b8d1f0c9e7a4b5d8c6f3a2e1d0b9c42",
                "吉林",
                "跨省流入人口个案",
                "deferred",
                "707",
                NOW - timedelta(hours=3),
                NOW,
            ),
            StoppedParcel(
                "7f3e9a1b2c4d5e6f708192a3b4c5d617", "甘肃", "跨省流出人口个案", "held", "224", NOW - timedelta(days=1)
            ),
            StoppedParcel(
                "c0ffee00d15ea5e0badc0de0feed0099",
                "河南",
                "跨省流入人口个案",
                "fault",
                "901",
                NOW - timedelta(minutes=40),
            ),
        ),
        receivers=tuple(
            ReceiverRow(f"p{code}", f"{code}0000", name, 28, 28, 28 if position % 7 else 20, 28 if position % 3 else 12)
            for position, (code, name) in enumerate(PROVINCES.items())
        ),
        keys=(
            ExpiringKey("p54", "西藏自治区", "A" * 24 + "0123456789ABCDEF", NOW + timedelta(days=12)),
            ExpiringKey("p63", "青海省", "B" * 24 + "FEDCBA9876543210", NOW - timedelta(days=3)),
        ),
    )
