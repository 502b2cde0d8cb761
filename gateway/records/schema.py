"""Schemas: Frictionless Table Schemas with the extensions of `schemas/README.md`, loaded and checked.

One file per dataset, `schemas/<dataset>.json`; a later version of the same dataset stands beside it as
`<dataset>.v<version>.json`. A key that this module does not know is a fault: a rule that is never applied is
worse than none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from unicodedata import category

from gateway.records import codelists

RULES = frozenset(("different-province", "birth-date-of-id", "sex-of-id", "not-before", "required-when"))
_FIELD_KEYS = frozenset(
    (
        "name", "title", "type", "format", "description", "example", "constraints", "gateway:description_en",
        "gateway:aliases", "gateway:bytes", "gateway:personName", "gateway:codes", "gateway:region", "gateway:idNumber",
        "gateway:notAfterAsOf", "gateway:minimumDays", "gateway:warn", "gateway:yearOnly", "gateway:offByDefault",
        "gateway:unique",
    )
)  # fmt: skip
_SIDES = (None, "own", "far", "elsewhere")
_BRACKETED = re.compile(r"[(（【\[][^()（）【】\[\]]*[)）】\]]$")


class SchemaFault(ValueError):
    """A schema that this version cannot apply. The text names the schema and the place, never a record."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column. Lengths are bytes of GB 18030; `region` is the side of a 12-digit code: the
    sender's own, far, or anywhere but in the sender's own area; `unique`: no two records of a file share the value."""

    name: str
    title: str
    type: Literal["string", "date", "integer"]
    required: bool
    description: Mapping[str, str]
    example: str
    aliases: tuple[str, ...]
    byte_warning: int | None
    byte_limit: int | None
    person_name: bool
    code_list: str | None
    codes: Mapping[str, str]
    region: Literal["own", "far", "elsewhere"] | None
    id_number: bool
    not_after_as_of: bool
    minimum_days: int | None
    warn: Mapping[str, str]
    year_only: bool = False
    off_by_default: bool = False
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule between fields; `values` and `otherwise` belong to `required-when`."""

    rule: str
    fields: tuple[str, ...]
    code: str
    values: frozenset[str]
    otherwise: str | None


@dataclass(frozen=True, slots=True)
class Schema:
    """A dataset's table in one version. `places` maps every known title, name and alias to the field's index."""

    name: str
    title: str
    version: str
    folder: Path
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...]
    route_by: str | None
    ignorable: tuple[str, ...]
    own_list_columns: tuple[str, ...]
    other_table: frozenset[str]
    places: Mapping[str, int]
    duplicate_key: tuple[str, ...] = ()

    def index(self, field: str) -> int | None:
        """Where a field stands, by name; None where this table has none."""
        return next((i for i, known in enumerate(self.fields) if known.name == field), None)

    def only(self, columns: Sequence[str]) -> Schema:
        """The schema of an agreement that lets only these fields travel (none: all that are not off by default), in the
        schema's order. Raises `SchemaFault` for a name that is no field."""
        if not columns:
            columns = tuple(field.name for field in self.fields if not field.off_by_default)
            if len(columns) == len(self.fields):
                return self
        unknown = set(columns) - {field.name for field in self.fields}
        if unknown:
            raise SchemaFault(f"{self.name}: no such field: {', '.join(sorted(unknown))}")
        kept = tuple(field for field in self.fields if field.name in columns)
        rules = tuple(rule for rule in self.rules if set(rule.fields) <= set(columns))
        return replace(self, fields=kept, rules=rules, places=_places(self.name, kept))


def normal_title(text: str) -> str:
    """A column title without white space, line breaks (or what they are shown as) and what nobody sees (copied out of
    web pages), marks for "required", a note in brackets and case."""
    bare = "".join(c for c in text if not c.isspace() and c != "\u240a" and category(c) != "Cf").strip("*＊:：")
    return _BRACKETED.sub("", bare).strip("*＊:：").casefold()


_loaded: dict[tuple[Path, str | None], tuple[tuple[int, ...], Schema]] = {}


def load(schemas: Path, dataset: str, version: str | None = None) -> Schema:
    """The schema of a dataset in `version` (None: the one in `<dataset>.json`), read again when a file has changed.

    Raises `FileNotFoundError` for an unknown dataset, `SchemaFault` for one that cannot be applied.
    """
    path, document = _read(schemas, dataset, version)
    lists = [schemas / "codes" / f"{f['gateway:codes']}.csv" for f in document["fields"] if "gateway:codes" in f]
    stamp = tuple(file.stat().st_mtime_ns for file in (path, *lists))
    known = _loaded.get((path, version))
    if known is None or known[0] != stamp:
        known = _loaded[(path, version)] = (stamp, _compile(schemas, document))
    return known[1]


def document(schemas: Path, dataset: str, version: str | None, columns: Sequence[str] = ()) -> dict[str, Any]:
    """The Table Schema that goes with a file of canonical records: the version's own, of the columns that travel.

    Raises as `load` does."""
    kept = {field.name for field in load(schemas, dataset, version).only(columns).fields}
    found = dict(_read(schemas, dataset, version)[1])
    found["fields"] = [field for field in found["fields"] if field["name"] in kept]
    found["gateway:rules"] = [rule for rule in found.get("gateway:rules", ()) if set(rule["fields"]) <= kept]
    return found


def _read(schemas: Path, dataset: str, version: str | None) -> tuple[Path, dict[str, Any]]:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", dataset):
        raise FileNotFoundError("no such dataset")
    path = schemas / f"{dataset}.json"
    document = json.loads(path.read_text("utf-8"))
    if version is not None and document.get("version") != version:
        path = schemas / f"{dataset}.v{version}.json"
        document = json.loads(path.read_text("utf-8"))
        if document.get("version") != version:
            raise SchemaFault(f"{path.name}: version is not {version}")
    return path, document


def datasets(schemas: Path) -> list[str]:
    """The ids of all datasets there is a schema for."""
    return sorted(path.stem for path in schemas.glob("*.json") if "." not in path.stem)


def _compile(schemas: Path, document: Mapping[str, Any]) -> Schema:
    name = document["name"]
    fields = tuple(_field(schemas, name, raw) for raw in document["fields"])
    known = {field.name for field in fields}
    rules = tuple(_rule(name, raw, known) for raw in document.get("gateway:rules", ()))
    route_by = document.get("gateway:routeBy")
    if route_by is not None and not any(f.name == route_by and (f.region or f.codes) for f in fields):
        raise SchemaFault(f"{name}: gateway:routeBy is not a field with a region code or a code list")
    return Schema(
        name=name,
        title=document["title"],
        version=document["version"],
        folder=schemas,
        fields=fields,
        rules=rules,
        route_by=route_by,
        ignorable=tuple(document.get("gateway:ignorable", ())),
        own_list_columns=tuple(document.get("gateway:ownListColumns", ())),
        other_table=frozenset(normal_title(title) for title in document.get("gateway:otherTable", ())),
        places=_places(name, fields),
        duplicate_key=_duplicate_key(name, document, known),
    )


def _duplicate_key(schema: str, document: Mapping[str, Any], known: set[str]) -> tuple[str, ...]:
    names = tuple(document.get("gateway:duplicateKey", ()))
    if not set(names) <= known:
        raise SchemaFault(f"{schema}: gateway:duplicateKey names no field")
    return names


def _field(schemas: Path, schema: str, raw: Mapping[str, Any]) -> Field:
    where = f"{schema}.{raw.get('name', '?')}"
    unknown = set(raw) - _FIELD_KEYS
    if unknown or set(raw.get("constraints", {})) - {"required"}:
        raise SchemaFault(f"{where}: not understood: {', '.join(sorted(unknown)) or 'constraints'}")
    if raw["type"] not in ("string", "date", "integer") or raw.get("gateway:region") not in _SIDES:
        raise SchemaFault(f"{where}: type or gateway:region not understood")
    lengths = raw.get("gateway:bytes", {})
    code_list = raw.get("gateway:codes")
    return Field(
        name=raw["name"],
        title=raw["title"],
        type=raw["type"],
        required=bool(raw.get("constraints", {}).get("required", False)),
        description={"zh": raw.get("description", ""), "en": raw.get("gateway:description_en", "")},
        example=raw.get("example", ""),
        aliases=tuple(raw.get("gateway:aliases", ())),
        byte_warning=lengths.get("warn"),
        byte_limit=lengths.get("limit"),
        person_name=bool(raw.get("gateway:personName", False)),
        code_list=code_list,
        codes=codelists.code_list(schemas, code_list) if code_list else {},
        region=raw.get("gateway:region"),
        id_number=bool(raw.get("gateway:idNumber", False)),
        not_after_as_of=bool(raw.get("gateway:notAfterAsOf", False)),
        minimum_days=raw.get("gateway:minimumDays"),
        warn=dict(raw.get("gateway:warn", {})),
        year_only=bool(raw.get("gateway:yearOnly", False)),
        off_by_default=bool(raw.get("gateway:offByDefault", False)),
        unique=bool(raw.get("gateway:unique", False)),
    )


def _rule(schema: str, raw: Mapping[str, Any], known: set[str]) -> Rule:
    if raw["rule"] not in RULES or not set(raw["fields"]) <= known:
        raise SchemaFault(f"{schema}: rule not understood: {raw['rule']}")
    values = frozenset(raw.get("values", ()))
    return Rule(raw["rule"], tuple(raw["fields"]), raw["code"], values, raw.get("otherwise"))


def _places(schema: str, fields: Sequence[Field]) -> Mapping[str, int]:
    places: dict[str, int] = {}
    for index, field in enumerate(fields):
        for title in (field.title, field.name, *field.aliases):
            if places.setdefault(normal_title(title), index) != index:
                raise SchemaFault(f"{schema}: two columns may have the title of {field.name}")
    return places
