"""The page of datasets, from `schemas/*.json` and the code lists beside them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.outcomes import catalogue
from gateway.reference.markdown import code, heading, table
from gateway.reference.markdown import page as joined

_SHORT = 64  # longer code lists are linked, not printed


def page(folder: Path) -> str:
    """The page's text: every dataset below `folder` with its fields, then the code lists that they name."""
    lines = heading(
        "Schemas · 数据规范",
        "schemas/",
        "One Frictionless Table Schema per dataset; what is ours is written `gateway:…` and explained in "
        "[`schemas/README.md`](../../schemas/README.md). Lengths are bytes of GB 18030, in which a Chinese character "
        "is usually two. A header may use titles, names or any alias, in any order. Output is always UTF-8, in this "
        "order, under the names.",
    )
    lists: set[str] = set()
    for file in sorted(folder.glob("*.json")):
        document = json.loads(file.read_bytes())
        lines += _dataset(document)
        lists |= {str(field["gateway:codes"]) for field in document["fields"] if "gateway:codes" in field}
    lines += ["## Code lists · 代码表", ""]
    for name in sorted(lists):
        lines += _code_list(folder / "codes" / f"{name}.csv")
    return joined(lines)


def _dataset(document: Mapping[str, Any]) -> list[str]:
    lines = [f"## {document['name']} · {document['title']}", ""]
    known = {field["name"]: field["title"] for field in document["fields"]}
    lines += [f"- Version {document['version']}. Source: {document.get('gateway:source', '–')}."]
    route = document.get("gateway:routeBy")
    if route:
        lines += [f"- Sorted by the province of `{route}` ({known[route]})."]
    if document.get("gateway:ignorable"):
        lines += [f"- May be there and is dropped: {'、'.join(document['gateway:ignorable'])}."]
    lines += [""]
    rows = []
    for number, field in enumerate(document["fields"], 1):
        required = "✓" if field.get("constraints", {}).get("required") else ""
        what = " / ".join(filter(None, (field.get("description"), field.get("gateway:description_en"))))
        aliases = "、".join(field.get("gateway:aliases", ()))
        rows.append((str(number), code(field["name"]), field["title"], required, _checks(field), what, aliases))
    lines += table(("#", "Field", "名称", "Required", "Checks", "What it is", "Aliases"), rows)
    rules = document.get("gateway:rules", ())
    if rules:
        lines += ["Between fields:", ""]
        lines += table(("Rule", "Fields", "Codes"), (_rule(rule) for rule in rules))
    return lines


def _checks(field: Mapping[str, Any]) -> str:
    found = [f"{field['type']} {code(field['format'])}" if "format" in field else str(field["type"])]
    limits = field.get("gateway:bytes", {})
    if "warn" in limits:
        found.append(f"over {limits['warn']} bytes: warning")
    if "limit" in limits:
        found.append(f"≤ {limits['limit']} bytes")
    if "gateway:codes" in field:
        found.append(f"code list [{field['gateway:codes']}](#{field['gateway:codes']})")
    found += {
        "own": ["12-digit region code of the sender's own province"],
        "far": ["12-digit region code of the other side"],
    }.get(field.get("gateway:region", ""), [])
    if field.get("gateway:idNumber"):
        found.append("ID number (GB 11643)")
    if field.get("gateway:personName"):
        found.append("a person's name")
    if field.get("gateway:notAfterAsOf"):
        found.append("not after the as-of date")
    if "gateway:minimumDays" in field:
        found.append(f"≥ {field['gateway:minimumDays']} days before the as-of date")
    found += [f"{code(value)}: warning {number}" for value, number in sorted(field.get("gateway:warn", {}).items())]
    constraints = {k: v for k, v in field.get("constraints", {}).items() if k != "required"}
    found += [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in sorted(constraints.items())]
    return "; ".join(found)


def _rule(rule: Mapping[str, Any]) -> tuple[str, str, str]:
    values = f" (when {', '.join(rule['values'])})" if rule.get("values") else ""
    numbers = [rule["code"], *([rule["otherwise"]] if rule.get("otherwise") else [])]
    said = "; ".join(f"**{number}** {catalogue()[number].en}" for number in numbers)
    return f"{rule['rule']}{values}", ", ".join(code(name) for name in rule["fields"]), said


def _code_list(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    lines = [f"### {file.stem}", ""]
    if len(rows) > _SHORT:
        return [*lines, f"{len(rows)} rows: [`schemas/codes/{file.name}`](../../schemas/codes/{file.name}).", ""]
    return [*lines, *table(("Code", "名称"), ((code(row["code"]), row["name"]) for row in rows))]
