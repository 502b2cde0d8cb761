"""Loading the facts: every fault at once, each with its file and line.

Only what one file says is judged here; what must hold between facts is in `gateway.policy.rules`. The calendar's
files are read by `gateway.deadlines`, the schemas by `gateway.records`; they count in the digest all the same.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from pydantic import ValidationError

from gateway.policy.facts import Agreement, Fact, Facts, Node, Party, Person
from gateway.policy.faults import FactFault, FactsError
from gateway.policy.finding import NODE, home_of
from gateway.policy.loading import lines, tree
from gateway.policy.loading.explaining import explain

_F = TypeVar("_F", bound=Fact)
_FOLDERS: Final = ("config/parties", "config/agreements", "config/people")


@dataclass(slots=True)
class Reading:
    """What could be read, beside every fault of what could not. `contents` holds every file of the facts by its path
    relative to `home`, `texts` each TOML file's text."""

    home: Path
    contents: Mapping[str, bytes]
    node: Node | None = None
    parties: dict[str, Party] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    faults: list[FactFault] = field(default_factory=list)

    def line(self, file: str, *path: str | int) -> int:
        """The line of a key in one of the TOML files; 1 where the file has none."""
        return lines.line_of(lines.locate(self.texts.get(file, "")), path)


def load(where: Path) -> Facts:
    """The facts in force under `where`, a node's folder or its `config/`. Raises `FactsError` with every fault."""
    reading = read(where)
    if reading.faults or reading.node is None:
        raise FactsError(tuple(sorted(reading.faults)))
    return Facts(
        home=reading.home,
        digest=tree.digest_of(reading.contents),
        node=reading.node,
        parties=reading.parties,
        agreements=reading.agreements,
        people=reading.people,
    )


def read(where: Path) -> Reading:
    """Like `load`, but hand over what could be read together with the faults. Every file is read once."""
    home = home_of(where)
    try:
        reading = Reading(home, tree.read(home))
    except OSError:
        message = "a file below config/, schemas/ or keys/ cannot be read"
        raise FactsError((FactFault("config", 1, message, "config/、schemas/ 或 keys/ 下有文件无法读取"),)) from None
    if NODE in reading.contents:
        reading.node = _fact(reading, NODE, Node)
    else:
        reading.faults.append(FactFault(NODE, 1, "the node's own file is missing", "缺少节点文件"))
    for file in reading.contents:
        path = PurePosixPath(file)
        if path.suffix != ".toml" or str(path.parent) not in _FOLDERS:
            continue
        if path.parent.name == "parties":
            if party := _named(reading, file, Party):
                reading.parties[party.id] = party
        elif path.parent.name == "people":
            if person := _named(reading, file, Person):
                reading.people[person.id] = person
        elif agreement := _named(reading, file, Agreement):
            reading.agreements[agreement.id] = agreement
    return reading


_P = TypeVar("_P", Party, Agreement, Person)


def _named(reading: Reading, file: str, shape: type[_P]) -> _P | None:
    """A fact whose file must bear its id: two files can then never claim the same one."""
    fact = _fact(reading, file, shape)
    stem = PurePosixPath(file).stem
    if fact is not None and fact.id != stem:
        message = f"the file must be named after the id it holds: {fact.id}.toml"
        reading.faults.append(
            FactFault(file, reading.line(file, "id"), message, f"文件名必须与其中的 id 一致：{fact.id}.toml")
        )
        return None
    return fact


def _fact(reading: Reading, file: str, shape: type[_F]) -> _F | None:
    content = reading.contents[file]
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        reading.faults.append(
            FactFault(file, line, "not UTF-8: save the file as UTF-8", "不是 UTF-8 编码：请另存为 UTF-8")
        )
        return None
    reading.texts[file] = text
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = lines.error_line(error, text)
        reason = str(error).partition(" (at ")[0]
        reading.faults.append(FactFault(file, line, f"not TOML: {reason}", f"TOML 语法错误：{reason}"))
        return None
    try:
        # JSON in strict mode: a number is no text and a text no number, while dates, paths and tuples still come in.
        return shape.model_validate_json(json.dumps(table, default=_plain), strict=True)
    except ValidationError as error:
        reading.faults += explain(file, text, table, error.errors(include_url=False, include_input=False))
        return None


def _plain(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError("no TOML value")
