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
class Loaded:
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
    loaded = read(where)
    if loaded.faults or loaded.node is None:
        raise FactsError(tuple(sorted(loaded.faults)))
    return Facts(
        home=loaded.home,
        digest=tree.digest_of(loaded.contents),
        node=loaded.node,
        parties=loaded.parties,
        agreements=loaded.agreements,
        people=loaded.people,
    )


def read(where: Path) -> Loaded:
    """Like `load`, but hand over what could be read together with the faults. Every file is read once."""
    home = home_of(where)
    try:
        loaded = Loaded(home, tree.read(home))
    except OSError:
        message = "a file below config/, schemas/ or keys/ cannot be read"
        raise FactsError((FactFault("config", 1, message, "config/、schemas/ 或 keys/ 下有文件无法读取"),)) from None
    if NODE in loaded.contents:
        loaded.node = _fact(loaded, NODE, Node)
    else:
        loaded.faults.append(FactFault(NODE, 1, "the node's own file is missing", "缺少节点文件"))
    for file in loaded.contents:
        path = PurePosixPath(file)
        if path.suffix != ".toml" or str(path.parent) not in _FOLDERS:
            continue
        if path.parent.name == "parties":
            if party := _named(loaded, file, Party):
                loaded.parties[party.id] = party
        elif path.parent.name == "people":
            if person := _named(loaded, file, Person):
                loaded.people[person.id] = person
        elif agreement := _named(loaded, file, Agreement):
            loaded.agreements[agreement.id] = agreement
    return loaded


_P = TypeVar("_P", Party, Agreement, Person)


def _named(loaded: Loaded, file: str, shape: type[_P]) -> _P | None:
    """A fact whose file must bear its id: two files can then never claim the same one."""
    fact = _fact(loaded, file, shape)
    stem = PurePosixPath(file).stem
    if fact is not None and fact.id != stem:
        message = f"the file must be named after the id it holds: {fact.id}.toml"
        loaded.faults.append(
            FactFault(file, loaded.line(file, "id"), message, f"文件名必须与其中的 id 一致：{fact.id}.toml")
        )
        return None
    return fact


def _fact(loaded: Loaded, file: str, shape: type[_F]) -> _F | None:
    content = loaded.contents[file]
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        loaded.faults.append(
            FactFault(file, line, "not UTF-8: save the file as UTF-8", "不是 UTF-8 编码：请另存为 UTF-8")
        )
        return None
    loaded.texts[file] = text
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = lines.error_line(error, text)
        reason = str(error).partition(" (at ")[0]
        loaded.faults.append(FactFault(file, line, f"not TOML: {reason}", f"TOML 语法错误：{reason}"))
        return None
    try:
        # JSON in strict mode: a number is no text and a text no number, while dates, paths and tuples still come in.
        return shape.model_validate_json(json.dumps(table, default=_plain), strict=True)
    except ValidationError as error:
        loaded.faults += explain(file, text, table, error.errors(include_url=False, include_input=False))
        return None


def _plain(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError("no TOML value")
