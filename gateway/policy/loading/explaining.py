"""What is wrong with a value of a fact, by its key and in both languages, from what pydantic says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

from gateway.policy.facts.base import FORMS
from gateway.policy.faults import FactFault
from gateway.policy.loading import lines


def explain(file: str, text: str, table: Mapping[str, Any], errors: Iterable[ErrorDetails]) -> list[FactFault]:
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
