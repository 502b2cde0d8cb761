"""What an agreement about tables asks of its schema's files: every version there, the columns known, the routes leading
somewhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.policy.facts import Agreement
from gateway.policy.facts.routing import versions
from gateway.policy.faults import FactFault
from gateway.policy.loading import Draft
from gateway.policy.periods import Period

Said = tuple[tuple[str | int, ...], str, str]
"""The key in the agreement's file, what is wrong with it in English and in Chinese."""


@dataclass
class Tables:
    """The schemas of one agreement. `unreadable` are faults of schema files, found on the way."""

    agreement: Agreement
    draft: Draft
    unreadable: list[FactFault] = field(default_factory=list)

    def faults(self) -> Iterator[Said]:
        agreement = self.agreement
        yield from self._routes()
        yield from self._periods()
        path = f"schemas/{agreement.dataset}.json"
        if path not in self.draft.contents:
            yield ("dataset",), f"{path} is not there", f"没有 {path}"
            return
        for version in versions(agreement):
            yield from self._version(version)
        yield from self._reconcile(f"schemas/{agreement.dataset}.json")

    def _periods(self) -> Iterator[Said]:
        for period in self.agreement.versions:
            try:
                fits = Period.parse(period).rhythm == self.agreement.rhythm
            except ValueError:
                fits = False
            if not fits:
                message = f"is no period of the rhythm {self.agreement.rhythm}"
                yield ("versions", period), message, f"不是 {self.agreement.rhythm} 的报告期"

    def _version(self, version: str) -> Iterator[Said]:
        agreement, dataset = self.agreement, self.agreement.dataset
        key: tuple[str | int, ...] = ("schema_version",)
        if version != agreement.schema_version:
            key = ("versions", next(period for period, named in agreement.versions.items() if named == version))
        path, later = f"schemas/{dataset}.json", f"schemas/{dataset}.v{version}.json"
        fields = self._fields(path)
        if fields is None:
            return
        if fields.version != version and later in self.draft.contents:
            path, fields = later, self._fields(later)
        if fields is None:
            return
        if fields.version != version:
            message = f"{path} has the version {fields.version or '(none)'}"
            yield key, message, f"{path} 的版本是 {fields.version or '（无）'}"
        yield from self._columns(path, fields)

    def _columns(self, path: str, fields: Fields) -> Iterator[Said]:
        agreement = self.agreement
        for number, column in enumerate(agreement.columns):
            if column not in fields.names:
                yield ("columns", number), f"{path} has no field {column}", f"{path} 没有字段 {column}"
        for column in fields.required if agreement.columns else ():
            if column not in agreement.columns:
                message = f"{column} is required by {path} and missing here"
                yield ("columns",), message, f"{path} 要求字段 {column}，这里没有列出"
        if agreement.route_by and agreement.route_by not in (agreement.columns or fields.names):
            message = f"{agreement.route_by} is no field that travels"
            yield ("route_by",), message, f"{agreement.route_by} 不是所传送的字段"
        for number, column in enumerate(agreement.ignorable):
            if column in fields.titles:
                message = f"{column} is a field of {path} and cannot be ignorable"
                yield ("ignorable", number), message, f"{column} 是 {path} 的字段，不能忽略"

    def _reconcile(self, path: str) -> Iterator[Said]:
        reconcile, fields = self.agreement.reconcile, self._fields(path)
        if reconcile is None or fields is None:
            return
        for key, name in (("by", reconcile.by), ("province", reconcile.province), ("count", reconcile.count)):
            if name not in fields.names:
                yield ("reconcile", key), f"{path} has no field {name}", f"{path} 没有字段 {name}"
        for value, name in reconcile.cases.items():
            if f"config/agreements/{name}.toml" not in self.draft.contents:
                yield ("reconcile", "cases", value), f"agreement {name} has no file", f"交换约定 {name} 没有文件"

    def _routes(self) -> Iterator[Said]:
        agreement = self.agreement
        if isinstance(agreement.routes, str):
            if agreement.receivers == "routed" and not any(
                party.tier == agreement.routes for party in self.draft.parties.values()
            ):
                message = f"there is no party of the tier {agreement.routes}: nobody receives"
                yield ("routes",), message, f"没有层级为 {agreement.routes} 的交换方：无人接收"
            return
        if agreement.receivers != "routed":
            yield ("routes",), 'routes are only for receivers = "routed"', '只有 receivers = "routed" 时才有 routes'
        led = Counter(agreement.routes.values())
        for value, party in agreement.routes.items():
            key = ("routes", value)
            if party not in self.draft.ids:
                yield key, f"party {party} has no file", f"交换方 {party} 没有文件"
            elif led[party] > 1:
                yield key, f"party {party} is named twice", f"交换方 {party} 重复"
            if not (value.isascii() and value.isdigit() and len(value) <= 12):
                yield key, "must be 1 to 12 digits", "须为 1 至 12 位数字"

    def _fields(self, path: str) -> Fields | None:
        try:
            return Fields.of(json.loads(self.draft.contents[path]))
        except json.JSONDecodeError as error:
            self.unreadable.append(FactFault(path, error.lineno, "not JSON", "不是 JSON"))
        except (ValueError, TypeError, KeyError, AttributeError):
            self.unreadable.append(FactFault(path, 1, "not a Table Schema", "不是 Table Schema"))
        return None


@dataclass(frozen=True, slots=True)
class Fields:
    """What an agreement asks of a Frictionless Table Schema."""

    version: str
    names: tuple[str, ...]
    titles: frozenset[str]
    required: tuple[str, ...]

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Fields:
        fields = schema["fields"]
        names = tuple(str(one["name"]) for one in fields)
        return cls(
            version=str(schema.get("version", "")),
            names=names,
            titles=frozenset(names) | {str(one["title"]) for one in fields if "title" in one},
            required=tuple(str(one["name"]) for one in fields if one.get("constraints", {}).get("required") is True),
        )
