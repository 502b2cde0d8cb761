"""What the rules ask of a dataset's schema (a Frictionless Table Schema): its version and its fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.policy.faults import FactFault


@dataclass(frozen=True, slots=True)
class Fields:
    """`types` maps each field's name to its type; `titles` are what a column of a file may be headed by."""

    version: str
    types: Mapping[str, str]
    titles: frozenset[str]
    required: tuple[str, ...]


def fields_of(path: str, content: bytes) -> Fields | FactFault:
    """What a schema's file says, or why it says nothing."""
    try:
        schema = json.loads(content)
        fields = schema["fields"]
        types = {str(one["name"]): str(one.get("type", "")) for one in fields}
        return Fields(
            version=str(schema.get("version", "")),
            types=types,
            titles=frozenset(types) | {str(one["title"]) for one in fields if "title" in one},
            required=tuple(str(one["name"]) for one in fields if one.get("constraints", {}).get("required") is True),
        )
    except json.JSONDecodeError as error:
        return FactFault(path, error.lineno, "not JSON", "不是 JSON")
    except (ValueError, TypeError, KeyError, AttributeError):
        return FactFault(path, 1, "not a Table Schema", "不是 Table Schema")
