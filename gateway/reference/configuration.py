"""The page of the facts' files, from the models that read them and the comments of the example in `config/`."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.policy import facts
from gateway.policy.facts import agreement, base, node, party
from gateway.reference.markdown import code, heading, table
from gateway.reference.markdown import page as joined

_PLAIN = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Path": "path",
          "date": "date", "datetime": "date and time with zone"}  # fmt: skip
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


# What the example shows each model of a whole file by.
_EXAMPLES = {
    "Node": "gateway.toml",
    "Party": "parties/440000.toml",
    "Agreement": "agreements/migrants-inflow.toml",
}


def page(config: Path) -> str:
    """The page's Markdown. `config` is the folder with the example."""
    said = {name: _comments((config / file).read_text("utf-8")) for name, file in _EXAMPLES.items()}
    lines = heading(
        "Configuration · 配置",
        "gateway/policy/facts/",
        "Policy is data: TOML files below `config/`, read and checked as a whole. An unknown key is a fault, never "
        "ignored. `gateway config check` lists every fault at once, with file and line. The files of `config/` in this "
        "repository are the complete example of a national node, with comments in both languages.",
    )
    files = [(name, kind) for name, kind in _models() if _file(kind)]
    lines += table(
        ("File", "What it holds"),
        [
            *((code(_file(kind)), f"[{name}](#{name.lower()}): {_lead(kind)}") for name, kind in files),
            ("`calendar/<year>.toml`", "the State Council's arrangement for a year: see [Calendar](#calendar)"),
        ],
    )
    for name, kind in _models():
        lines += [f"## {name}", "", *([_text(kind), ""] if _text(kind) else []), *_fields(kind, said)]
    return joined([*lines, *_calendar()])


def _models() -> list[tuple[str, type[BaseModel]]]:
    """Every model of a fact: those of whole files first, each module's together."""
    modules = [module.__name__ for module in (node, party, agreement)]
    found = [
        (name, kind)
        for name, kind in vars(facts).items()
        if isinstance(kind, type) and issubclass(kind, base.Fact) and kind is not base.Fact
    ]
    return sorted(found, key=lambda pair: (not _file(pair[1]), modules.index(pair[1].__module__)))


def _file(kind: type[BaseModel]) -> str:
    match = re.search(r"File: `([^`]+)`", kind.__doc__ or "")
    return match[1] if match else ""


def _text(kind: type[BaseModel]) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split()) if _documented(kind) else ""


def _lead(kind: type[BaseModel]) -> str:
    return _text(kind).partition(" File:")[0].rstrip(".")


def _documented(kind: type[BaseModel]) -> bool:
    """A model without a docstring of its own would show that of its base."""
    return bool(kind.__doc__) and kind.__doc__ != BaseModel.__doc__


def _fields(kind: type[BaseModel], said: Mapping[str, Mapping[str, str]]) -> list[str]:
    rows = []
    for key, field in kind.model_fields.items():
        comment = said.get(kind.__name__, {}).get(key, "")
        what = "; ".join(filter(None, (_limits(field.metadata), field.description or "")))
        rows.append((code(key), _kind(field.annotation), _default(field), " — ".join(filter(None, (what, comment)))))
    return table(("Key", "Value", "Default", "What it is"), rows)


def _comments(text: str) -> dict[str, str]:
    """The comment that stands above each key and each section of an example file, commented-out ones included. One
    above several keys is the first one's."""
    found: dict[str, str] = {}
    waiting: list[str] = []
    section = ""
    for line in [*text.splitlines(), ""]:
        key = re.match(r"(?:# )?(\[\[?)?([a-z_]+)(?(1)\]|\s*=)", line)
        if key and key[1]:
            section = key[2]
            found.setdefault(section, " ".join(waiting))
        elif key and not section:
            found.setdefault(key[2], " ".join(waiting))
        elif line.startswith("# "):
            waiting.append(line[2:].replace("<", "&lt;"))
            continue
        waiting = []
    return found


def _kind(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = _limits(inner[1:])
        return limits or _kind(inner[0])
    if origin is Literal:
        return " · ".join(code(str(value)) for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(part) for part in inner if part is not type(None))
    if origin is tuple:
        return f"list of {_kind(inner[0])}"
    if origin is Mapping or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return f"table: {_kind(inner[0])} → {_kind(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    name = getattr(annotation, "__name__", str(annotation))
    return _PLAIN.get(name, name)


def _limits(metadata: Any) -> str:
    found = []
    for limit in metadata:
        for constraint in getattr(limit, "__metadata__", (limit,)):
            found += [f"{sign} {getattr(constraint, name)}" for name, sign in _BOUNDS.items() if _has(constraint, name)]
            if _has(constraint, "pattern"):
                pattern = constraint.pattern
                found.append(base.FORMS[getattr(pattern, "pattern", pattern)][0])
    return ", ".join(found)


def _has(constraint: Any, name: str) -> bool:
    return getattr(constraint, name, None) is not None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined or default is None:
        return ""
    if isinstance(default, BaseModel):
        return "its defaults"
    if isinstance(default, bool):
        return code(str(default).lower())
    if isinstance(default, tuple):
        return code("[" + ", ".join(f'"{each}"' for each in default) + "]")
    if isinstance(default, str | Path):
        return code(f'"{default}"')
    return code(str(default))


def _calendar() -> list[str]:
    rows = (
        ("edition", 'text: `"2026"`; an amended one `"2020@2019-11-21"`', "names the edition; dates store it"),
        ("document", "text", "the notice's number"),
        ("off", "list of dates or `first/last` ranges", "rest days"),
        ("work", "list of dates", "make-up workdays, each a Saturday or a Sunday"),
        ("superseded_until", "date", "only in an old edition: the day before the amendment's"),
        ("issued", "date", "when the notice was published, where it matters"),
    )
    return [
        "## Calendar",
        "",
        "放假安排. Files: `calendar/<year>.toml`, one for every year from 2007 on; `calendar/published.toml` holds "
        "`published_through`, the last day that is settled. Enter a notice with "
        "[`gateway calendar import`](commands.md#gateway-calendar-import).",
        "",
        *table(("Key", "Value", "What it is"), ((code(key), value, what) for key, value, what in rows)),
    ]
