"""Founding a node: its facts, folders and key from the shipped example; the node is there whole or not at all."""

from __future__ import annotations

import csv
import json
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from gateway import durable, inspection
from gateway.adapters.clock import SystemClock
from gateway.adapters.sealing import keyring
from gateway.policy import loading
from gateway.policy.facts import Facts, Language, places
from gateway.policy.faults import Findings
from gateway.policy.loading import tree

_SHARED, _PRIVATE, _OWN = 0o770, 0o700, 0o750


class TierChoice(StrEnum):
    NATIONAL = "national"
    PROVINCE = "province"
    COUNTY = "county"


EXAMPLE: Final = {TierChoice.NATIONAL: "000000", TierChoice.PROVINCE: "440000", TierChoice.COUNTY: "440106"}


class UsageFault(Exception):
    """What was asked for cannot be made; says why in both languages."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.chinese = chinese


@dataclass(frozen=True, slots=True)
class Made:
    """A node that was made: its facts, the fingerprint of its key, what the check found."""

    facts: Facts
    fingerprint: str
    findings: Findings


def make(directory: Path, tier: TierChoice, party: str, name: str | None, language: Language = "zh") -> Made:
    """Make the node under another name beside `directory`, check it, and rename it: it is there whole or not at all.

    Raises `UsageFault` for a folder that is not empty or a code that does not fit the tier, `OSError` and
    `KeyringError` when it cannot be made. When the check finds faults, nothing is made and the findings say why.
    """
    directory = directory.absolute()
    if directory.is_symlink() or (directory.exists() and not (directory.is_dir() and not any(directory.iterdir()))):
        raise UsageFault("the folder is not empty", "文件夹不为空")
    if name is not None and not (name.strip() and name.isprintable()):
        raise UsageFault("the name is empty or holds control characters", "名称为空或含有控制字符")
    files = dict(_Example(loading.home_of(loading.find()), tier, party, name, language).files())
    durable.make_folder(directory.parent, 0o755)
    temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        for file, content in files.items():
            durable.make_folder((temporary / file).parent, 0o755)
            durable.write_bytes(temporary / file, content, 0o644)
        facts = loading.load(temporary)
        _make_folders(facts)
        fingerprint = _make_key(facts)
        found = inspection.findings(temporary, SystemClock().now().date())
        if not found.faults:
            temporary.chmod(_OWN)
            durable.publish(temporary, directory)
            facts = loading.load(directory)
        return Made(facts, fingerprint, found)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _make_folders(facts: Facts) -> None:
    node = facts.node
    for folder, mode in (
        (node.exchange_root, _OWN),
        (node.state, _PRIVATE),
        (node.log, _OWN),
        (node.private, _PRIVATE),
    ):
        _folder(facts.path(folder), mode)
    for party in facts.parties.values():
        if party.id != node.party:
            for below in places.folders_of(facts, party):
                _folder(facts.path(node.exchange_root) / below, _SHARED)
    for below in places.issuing_folders(facts):
        _folder(facts.path(node.exchange_root) / below, _SHARED)


def _folder(path: Path, mode: int) -> None:
    durable.make_folder(path, mode)
    path.chmod(mode)  # whatever the umask took away


def _make_key(facts: Facts) -> str:
    """The node's key pair: the private half under `private/`, the public one in `keys/`, its fingerprint pinned."""
    own = facts.parties[facts.node.party]
    private = facts.path(facts.node.private)
    fingerprint = keyring.generate(private, f"gateway {own.id}")
    durable.write_bytes(facts.keys / f"{own.id}.asc", keyring.public_key(private), 0o644)
    file = facts.home / "config" / "parties" / f"{own.id}.toml"
    text = re.sub(r"^# key = .*$", f'key = "{fingerprint}"', file.read_text("utf-8"), count=1, flags=re.MULTILINE)
    durable.write_bytes(file, text.encode(), 0o644)
    return fingerprint


@dataclass(frozen=True)
class _Example:
    """The files of a new node, from the shipped facts."""

    shipped: Path
    tier: TierChoice
    party: str
    name: str | None
    language: Language

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every file of the node, by its path relative to the node's folder. Raises `UsageFault` for a code that does
        not fit the tier."""
        contents = tree.read(self.shipped)
        for file, content in contents.items():
            if file.startswith(("schemas/", "keys/", "config/calendar/")):
                yield file, content
        folder = "config/" if self.tier == "national" else f"config/examples/{self.tier}/"
        texts = {
            file: content.decode("utf-8") for file, content in contents.items() if file.endswith((".toml", ".csv"))
        }
        yield "config/gateway.toml", self._node(texts[f"{folder}gateway.toml"]).encode()
        for file, text in texts.items():
            if file.startswith(f"{folder}agreements/"):
                yield f"config/agreements/{Path(file).name}", self._agreement(text).encode()
            elif file.startswith((f"{folder}distributed/", f"{folder}on-approval/")):  # in force once it is moved
                yield f"config/examples/{Path(file).name}", self._agreement(text).encode()
        for party, text in self._parties(texts).items():
            own = party == self.party and self.name
            yield f"config/parties/{party}.toml", (_set(text, "name", self.name or "") if own else text).encode()

    def _node(self, text: str) -> str:
        name = "national" if self.tier == "national" else f"{self.tier}-{self.party}"
        return _set(_set(_set(text, "party", self.party), "name", name), "language", self.language)

    def _agreement(self, text: str) -> str:
        """The example's codes become the node's, in the lines that name parties."""
        codes = {"440106": self.party, "440000": f"{self.party[:2]}0000", '"44"': f'"{self.party[:2]}"'}

        def coded(line: re.Match[str]) -> str:
            return re.sub('440106|440000|"44"', lambda code: codes[code[0]], line[0])

        if self.tier == "national":
            return text
        return re.sub(r"^(senders|receivers|routes|otherwise) = .*$", coded, text, flags=re.MULTILINE)

    def _upper(self, texts: Mapping[str, str], shipped: Mapping[str, str], code: str) -> str:
        """The file of the node above, its SFTP channel commented out and ready but for host and keys."""
        example = EXAMPLE[TierChoice.NATIONAL if self.tier == "province" else TierChoice.PROVINCE]
        text = texts[f"config/examples/{self.tier}/upper.toml"]
        # The example's own code only stands in comments here: the account this node logs in with.
        text = text.replace(EXAMPLE[self.tier], self.party).replace(example, code)
        known = tomllib.loads(shipped[code])
        return _set(_set(text, "name", known["name"]), "short", known["short"])

    def _parties(self, texts: Mapping[str, str]) -> dict[str, str]:
        shipped = {Path(file).stem: text for file, text in texts.items() if file.startswith("config/parties/")}
        province = f"{self.party[:2]}0000"
        counties = list(csv.DictReader(texts["config/examples/counties.csv"].splitlines()))
        form = texts["config/examples/party.toml"]
        if self.tier == "national":
            if self.party != EXAMPLE[self.tier]:
                raise UsageFault("the national node's code is 000000", "国家节点的代码是 000000")
            return shipped
        if not re.fullmatch(r"[0-9]{6}", self.party) or province not in shipped or province == "000000":
            raise UsageFault("no area code of a province that takes part", "不是参与交换的省的区划代码")
        if self.tier == "province":
            if self.party != province:
                raise UsageFault("a province's code ends in 0000", "省级代码应以 0000 结尾")
            parties = {"000000": self._upper(texts, shipped, "000000"), province: shipped[province]}
            for row in counties:
                if row["province"] == self.party[:2]:
                    parties[row["code"]] = _party(form, row["code"], row["name"], row["name"], row["code"], "county")
            return parties | self._departments(texts)
        if self.party.endswith("00"):
            raise UsageFault("a county's code does not end in 00", "县级代码不以 00 结尾")
        name = self.name or next((row["name"] for row in counties if row["code"] == self.party), "示例县")
        upper = self._upper(texts, shipped, province)
        parties = {province: upper, self.party: _party(form, self.party, name, name, self.party, "county")}
        parties |= self._departments(texts)
        for row in csv.DictReader(texts["config/examples/county/townships.csv"].splitlines()):
            code = f"{self.party}{row['suffix']}"
            parties[code] = _party(form, code, row["name"], row["short"], f"{code}000", "township")
        return parties

    def _departments(self, texts: Mapping[str, str]) -> dict[str, str]:
        """The offices of the node's own government that drop and fetch here: a county's departments, a province's
        family planning office."""
        form, parties = texts["config/examples/party.toml"], {}
        for row in csv.DictReader(texts[f"config/examples/{self.tier}/departments.csv"].splitlines()):
            code = f"{self.party}-{row['suffix']}"
            parties[code] = _party(form, code, row["name"], row["short"], self.party, "department")
        return parties


def _party(form: str, code: str, name: str, short: str, area_code: str, tier: str) -> str:
    values = {"id": code, "name": name, "short": short, "area_code": area_code, "tier": tier}
    for key, value in values.items():
        form = _set(form, key, value)
    return form


def _set(text: str, key: str, value: str) -> str:
    """Replace the value of a top-level key that stands in the text."""
    line = f"{key} = {_quoted(value)}"
    changed, count = re.subn(rf"^{key} = .*$", lambda _: line, text, count=1, flags=re.MULTILINE)
    if not count:
        raise ValueError(f"the example holds no {key}")
    return changed


def _quoted(value: str) -> str:
    """A TOML basic string; printable text needs no more escapes than JSON's."""
    return json.dumps(value, ensure_ascii=False)
