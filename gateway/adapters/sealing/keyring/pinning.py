"""Writing pins into a party's facts: a few top-level keys and the table `[next]`; every other character stays."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gateway import durable
from gateway.adapters.sealing.keyring.home import KeyringError
from gateway.outcomes import Refused

Value = str | date | Sequence[str] | None
_VALUE = r"""("[^"\n]*"|'[^'\n]*'|\[[^\]\n]*\]|[0-9-]+)"""
_NEXT = re.compile(r"^\[next\][ \t]*(#[^\n]*)?\n((?!\[)[^\n]*\n?)*", re.MULTILINE)


def normal(fingerprint: str) -> str:
    """As it is pinned, however it was dictated: 40 capitals for OpenPGP, 64 small letters for SM2."""
    digits = re.sub(r"[\s:]", "", fingerprint).removeprefix("0x").removeprefix("0X")
    return digits.lower() if len(digits) == 64 else digits.upper()


def fact_file(parties: Path, party: str) -> Path:
    """The party's file. Raises `KeyringError` for an unknown party."""
    file = parties / f"{party}.toml"
    if not re.fullmatch(r"[a-z0-9-]+", party) or not file.is_file():
        raise KeyringError("no such party")
    return file


def read(parties: Path, party: str) -> dict[str, Any]:
    return tomllib.loads(fact_file(parties, party).read_text("utf-8"))


def revoked(parties: Path, party: str, fingerprint: str) -> Refused | None:
    """Refused 219 for a fingerprint that its party has revoked."""
    return Refused("219") if fingerprint in read(parties, party).get("revoked", ()) else None


def write(parties: Path, party: str, values: Mapping[str, Value], following: Mapping[str, Value] | None = None) -> None:
    """Set (or, with None, take away) top-level keys; `following` replaces the table `[next]`, empty removes it."""
    file = fact_file(parties, party)
    text = file.read_text("utf-8")
    durable.write_bytes(file, edited(text, values, following).encode("utf-8"), 0o644)


def edited(text: str, values: Mapping[str, Value], following: Mapping[str, Value] | None = None) -> str:
    """The changed text. Raises `KeyringError` where it cannot be changed without changing more."""
    expected = tomllib.loads(text)
    for key, value in values.items():
        text = _set(text, key, value)
        expected.pop(key, None)
        if value is not None:
            expected[key] = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
    if following is not None:
        text = _NEXT.sub("", text)
        expected.pop("next", None)
        kept = {key: value for key, value in following.items() if value is not None}
        if kept:
            lines = "".join(f"{key} = {_toml(value)}\n" for key, value in kept.items())
            text = f"{text.rstrip(chr(10))}\n\n[next]\n{lines}"
            expected["next"] = kept
    try:
        fits = tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        fits = False
    if not fits:
        raise KeyringError("the party's file cannot be edited safely; set its keys by hand")
    return text


def _set(text: str, key: str, value: Value) -> str:
    head = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    end = head.start() if head else len(text)
    if value is None:
        return re.sub(rf"^{key}[ \t]*=[ \t]*{_VALUE}[^\n]*\n?", "", text[:end], flags=re.MULTILINE) + text[end:]
    line = f"{key} = {_toml(value)}"
    top, count = re.subn(rf"^{key}[ \t]*=[ \t]*{_VALUE}", lambda _: line, text[:end], count=1, flags=re.MULTILINE)
    if not count:
        # Behind the last top-level key, not before the first table: a table that stands there as a comment may be
        # switched on later, and would take the key with it.
        last = max((found.end() for found in re.finditer(r"^\w+[ \t]*=[^\n]*\n?", top, re.MULTILINE)), default=0)
        before = top[:last] if not last or top[last - 1] == "\n" else f"{top[:last]}\n"
        top = f"{before}{line}\n{top[last:]}"
    return top + text[end:]


def _toml(value: Value) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value if isinstance(value, str) else list(value or ()))
