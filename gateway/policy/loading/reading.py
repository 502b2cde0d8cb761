"""Loading the facts: every fault at once, each with its file and line.

Only what one file says is judged here; what must hold between facts is in `gateway.policy.rules`. The calendar's
files are read by `gateway.deadlines`, the schemas by `gateway.records`; they count in the digest all the same.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.policy.facts import Agreement, Facts, Node, Party, Person
from gateway.policy.facts.base import FORMS, Fact
from gateway.policy.faults import FactFault, FactsError
from gateway.policy.finding import NODE, home_of
from gateway.policy.loading import lines, tree

_F = TypeVar("_F", bound=Fact)
_FOLDERS: Final = ("config/parties", "config/agreements", "config/people")


@dataclass(slots=True)
class Draft:
    """What could be read, beside every fault of what could not. `texts` holds each TOML file's text by its path.

    `ids` are the parties that have a file, even a faulty one: a reference to it is no second fault.
    """

    home: Path
    contents: Mapping[str, bytes]
    node: Node | None = None
    parties: dict[str, Party] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    faults: list[FactFault] = field(default_factory=list)

    def line(self, file: str, *path: str | int) -> int:
        """The line of a key in one of the TOML files; 1 where the file has none."""
        return lines.line_of(lines.locate(self.texts.get(file, "")), path)


def load(where: Path) -> Facts:
    """The facts in force under `where`, a node's folder or its `config/`. Raises `FactsError` with every fault."""
    draft = read(where)
    if draft.faults or draft.node is None:
        raise FactsError(tuple(sorted(draft.faults)))
    return Facts(
        home=draft.home,
        digest=tree.digest_of(draft.contents),
        node=draft.node,
        parties=draft.parties,
        agreements=draft.agreements,
        people=draft.people,
    )


def read(where: Path) -> Draft:
    """Like `load`, but hand over what could be read together with the faults. Every file is read once."""
    home = home_of(where)
    try:
        draft = Draft(home, tree.read(home))
    except OSError:
        message = "a file below config/, schemas/ or keys/ cannot be read"
        raise FactsError((FactFault("config", 1, message, "config/、schemas/ 或 keys/ 下有文件无法读取"),)) from None
    if NODE in draft.contents:
        draft.node = _fact(draft, NODE, Node)
    else:
        draft.faults.append(FactFault(NODE, 1, "the node's own file is missing", "缺少节点文件"))
    for file in draft.contents:
        path = PurePosixPath(file)
        if path.suffix != ".toml" or str(path.parent) not in _FOLDERS:
            continue
        if path.parent.name == "parties":
            draft.ids.add(path.stem)
            if party := _named(draft, file, Party):
                draft.parties[party.id] = party
        elif path.parent.name == "people":
            if person := _named(draft, file, Person):
                draft.people[person.id] = person
        elif agreement := _named(draft, file, Agreement):
            draft.agreements[agreement.id] = agreement
    return draft


_P = TypeVar("_P", Party, Agreement, Person)


def _named(draft: Draft, file: str, shape: type[_P]) -> _P | None:
    """A fact whose file must bear its id: two files can then never claim the same one."""
    fact = _fact(draft, file, shape)
    stem = PurePosixPath(file).stem
    if fact is not None and fact.id != stem:
        message = f"the file must be named after the id it holds: {fact.id}.toml"
        draft.faults.append(
            FactFault(file, draft.line(file, "id"), message, f"文件名必须与其中的 id 一致：{fact.id}.toml")
        )
        return None
    return fact


def _fact(draft: Draft, file: str, shape: type[_F]) -> _F | None:
    content = draft.contents[file]
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        draft.faults.append(
            FactFault(file, line, "not UTF-8: save the file as UTF-8", "不是 UTF-8 编码：请另存为 UTF-8")
        )
        return None
    draft.texts[file] = text
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = lines.error_line(error, text)
        reason = str(error).partition(" (at ")[0]
        draft.faults.append(FactFault(file, line, f"not TOML: {reason}", f"TOML 语法错误：{reason}"))
        return None
    try:
        # JSON in strict mode: a number is no text and a text no number, while dates, paths and tuples still come in.
        return shape.model_validate_json(json.dumps(table, default=_plain), strict=True)
    except ValidationError as error:
        draft.faults += _explain(file, text, table, error.errors(include_url=False, include_input=False))
        return None


def _plain(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError("no TOML value")


def _explain(file: str, text: str, table: Mapping[str, Any], errors: Iterable[ErrorDetails]) -> list[FactFault]:
    """One fault per key: where a value fits none of several forms, pydantic has one error for each form."""
    found = lines.locate(text)
    by_key: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for error in errors:
        by_key.setdefault(_path(table, error["loc"], error["type"] == "missing"), []).append(error)
    faults = []
    for path, of in by_key.items():
        if of[0]["type"] == "literal_error" and any(other[: len(path)] == path != other for other in by_key):
            continue  # a list was meant, and what is wrong is one of its elements
        faults.append(FactFault.at(file, lines.line_of(found, path), path, *_sentence(of)))
    return faults


def _path(table: Mapping[str, Any], location: Sequence[str | int], missing: bool) -> tuple[str | int, ...]:
    """pydantic's location without the names of the forms it tried, which are no keys of the file."""
    path: list[str | int] = []
    value: Any = table
    for number, part in enumerate(location):
        last = missing and number == len(location) - 1
        if isinstance(value, Mapping) and (part in value or last):
            path.append(part)
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path.append(part)
            value = value[part]
    return tuple(path)


_KINDS: Final = {
    "missing": ("is missing", "缺少此项"),
    "extra_forbidden": ("is not a known key", "不认识的键"),
    "string_type": ("must be a text in quotes", "应为带引号的文本"),
    "int_type": ("must be a whole number", "应为整数"),
    "int_from_float": ("must be a whole number", "应为整数"),
    "float_type": ("must be a number", "应为数字"),
    "bool_type": ("must be true or false", "应为 true 或 false"),
    "tuple_type": ("must be a list", "应为列表"),
    "mapping_type": ("must be a table", "应为表"),
    "dict_type": ("must be a table", "应为表"),
    "model_type": ("must be a table", "应为表"),
    "model_attributes_type": ("must be a table", "应为表"),
    "date_type": ("must be a date such as 2026-01-31", "应为日期，例如 2026-01-31"),
    "date_parsing": ("must be a date such as 2026-01-31", "应为日期，例如 2026-01-31"),
    "date_from_datetime_parsing": ("must be a date such as 2026-01-31", "应为日期，例如 2026-01-31"),
    "datetime_type": ("must be a date with a time", "应为日期和时间"),
    "datetime_parsing": ("must be a date with a time", "应为日期和时间"),
    "datetime_from_date_parsing": ("must be a date with a time", "应为日期和时间"),
    "string_pattern_mismatch": ("must be {form}", "应为{form}"),
    "literal_error": ("must be one of {expected}", "应为下列之一：{expected}"),
    "greater_than": ("must be above {gt}", "应大于 {gt}"),
    "greater_than_equal": ("must be at least {ge}", "不应小于 {ge}"),
    "less_than_equal": ("must be at most {le}", "不应大于 {le}"),
    "union_tag_not_found": ("needs a kind", "缺少 kind"),
    "union_tag_invalid": ("kind must be one of {expected_tags}", "kind 应为下列之一：{expected_tags}"),
}


def _sentence(errors: Sequence[ErrorDetails]) -> tuple[str, str]:
    """What is wrong with one key, without its value. A text that is neither of the named ones nor a list says both."""
    english, chinese = [], []
    for error in errors:
        words = _KINDS.get(error["type"], (error["msg"], error["msg"]))
        context = dict(error.get("ctx", {}))
        forms = FORMS.get(str(context.get("pattern")), ("of another form", "其他格式"))
        expected = str(context.get("expected", ""))
        english.append(words[0].format_map({**context, "form": forms[0]}))
        context["expected"] = expected.replace(", ", "、").replace(" or ", "、")
        chinese.append(words[1].format_map({**context, "form": forms[1]}))
    return ", or ".join(dict.fromkeys(english)), "，或".join(dict.fromkeys(chinese))
