"""Rules of agreements about tables: every version of the schema there, the columns known, the routes leading somewhere.

Columns and versions are of the dataset's files in `schemas/`; what cannot be read there is a fault of that file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.policy.facts import Agreement, routing
from gateway.policy.faults import FactFault
from gateway.policy.rules.dates import is_period
from gateway.policy.rules.draft import Draft
from gateway.policy.rules.fields import Fields, fields_of


def routes(draft: Draft) -> Iterator[FactFault]:
    """Where records are routed, every route leads to a party, and each party has one."""
    for agreement in _tables(draft):
        if isinstance(agreement.routes, str):
            tier = agreement.routes
            nobody = not agreement.otherwise and not any(p.tier == tier for p in draft.parties.values())
            if agreement.receivers == "routed" and nobody:
                message = f"there is no party of the tier {tier}: nobody receives"
                yield draft.fault(agreement.file, ("routes",), message, f"没有层级为 {tier} 的交换方：无人接收")
        yield from _named_routes(draft, agreement)


def _named_routes(draft: Draft, agreement: Agreement) -> Iterator[FactFault]:
    """The routes that an agreement names one by one, in both of its tables."""
    chosen = {} if isinstance(agreement.routes, str) else agreement.routes
    led = Counter((*chosen.values(), *agreement.otherwise.values()))
    for key, named in (("routes", chosen), ("otherwise", agreement.otherwise)):
        if named and agreement.receivers != "routed":
            message = f'{key} are only for receivers = "routed"'
            yield draft.fault(agreement.file, (key,), message, f'只有 receivers = "routed" 时才有 {key}')
        for value, party in named.items():
            path = (key, value)
            known = draft.parties.get(party)
            if not draft.has_party(party):
                yield draft.no_party(agreement.file, path, party)
            elif led[party] > 1 or (known is not None and known.tier == agreement.routes):
                yield draft.fault(agreement.file, path, f"party {party} is named twice", f"交换方 {party} 重复")
            digits = value.isascii() and value.isdigit() and len(value) <= 12
            if not (digits or (key == "otherwise" and value == routing.REST)):
                yield draft.fault(agreement.file, path, "must be 1 to 12 digits", "须为 1 至 12 位数字")


def version_periods(draft: Draft) -> Iterator[FactFault]:
    """A version of the schema holds from a period of the agreement's rhythm on."""
    for agreement in _tables(draft):
        for period in agreement.versions:
            if not is_period(period, agreement.rhythm):
                message = f"is no period of the rhythm {agreement.rhythm}"
                yield draft.fault(agreement.file, ("versions", period), message, f"不是 {agreement.rhythm} 的报告期")


def schemas(draft: Draft) -> Iterator[FactFault]:
    """The dataset has a schema of every version that the agreement names, and its fields are those named here."""
    for agreement in _tables(draft):
        path = _schema(agreement)
        if path not in draft.contents:
            yield draft.fault(agreement.file, ("dataset",), f"{path} is not there", f"没有 {path}")
            continue
        for version in agreement.schema_versions:
            yield from _version(draft, agreement, version)


def reconciling(draft: Draft) -> Iterator[FactFault]:
    """What a statistical table is held against names its fields, and agreements that bring the cases."""
    for agreement in _tables(draft):
        reconcile, path = agreement.reconcile, _schema(agreement)
        if reconcile is None:
            continue
        fields = fields_of(path, draft.contents.get(path, b""))
        if isinstance(fields, FactFault):
            continue  # reported with the schema
        for key, name in (("by", reconcile.by), ("province", reconcile.province), ("count", reconcile.count)):
            if name not in fields.types:
                yield _no_field(draft, agreement, ("reconcile", key), path, name)
        for value, name in reconcile.cases.items():
            if not draft.has_agreement(name):
                yield draft.no_agreement(agreement.file, ("reconcile", "cases", value), name)


def _tables(draft: Draft) -> Iterator[Agreement]:
    return (agreement for agreement in draft.agreements.values() if agreement.content == "table")


def _schema(agreement: Agreement) -> str:
    return f"schemas/{agreement.dataset}.json"


def _version(draft: Draft, agreement: Agreement, version: str) -> Iterator[FactFault]:
    """One version is in the dataset's file, or, where that is of another version, in a file of its own beside it."""
    path = _schema(agreement)
    fields = fields_of(path, draft.contents[path])
    own = f"schemas/{agreement.dataset}.v{version}.json"
    if isinstance(fields, Fields) and fields.version != version and own in draft.contents:
        path, fields = own, fields_of(own, draft.contents[own])
    if isinstance(fields, FactFault):
        yield fields
        return
    if fields.version != version:
        key: tuple[str, ...] = ("schema_version",)
        if version != agreement.schema_version:
            key = ("versions", next(period for period, named in agreement.versions.items() if named == version))
        message = f"{path} has the version {fields.version or '(none)'}"
        yield draft.fault(agreement.file, key, message, f"{path} 的版本是 {fields.version or '（无）'}")
    yield from _columns(draft, agreement, path, fields)


def _columns(draft: Draft, agreement: Agreement, path: str, fields: Fields) -> Iterator[FactFault]:
    for number, column in enumerate(agreement.columns):
        if column not in fields.types:
            yield _no_field(draft, agreement, ("columns", number), path, column)
    for column in fields.required if agreement.columns else ():
        if column not in agreement.columns:
            message = f"{column} is required by {path} and missing here"
            yield draft.fault(agreement.file, ("columns",), message, f"{path} 要求字段 {column}，这里没有列出")
    if agreement.route_by and agreement.route_by not in (agreement.columns or fields.types):
        message = f"{agreement.route_by} is no field that travels"
        yield draft.fault(agreement.file, ("route_by",), message, f"{agreement.route_by} 不是所传送的字段")
    for number, column in enumerate(agreement.ignorable):
        if column in fields.titles:
            message = f"{column} is a field of {path} and cannot be ignorable"
            yield draft.fault(agreement.file, ("ignorable", number), message, f"{column} 是 {path} 的字段，不能忽略")


def _no_field(draft: Draft, agreement: Agreement, key: tuple[str | int, ...], path: str, name: str) -> FactFault:
    return draft.fault(agreement.file, key, f"{path} has no field {name}", f"{path} 没有字段 {name}")
