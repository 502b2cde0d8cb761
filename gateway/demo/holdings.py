"""What receivers hold: they open what a signed list names, drop what it replaces or withdraws, and sign for it.

A receiver believes nothing but the lists, in the order of their batches. What is left in the end is held against the
story's truth.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.demo import folders
from gateway.demo.node import DemoNode
from gateway.demo.partners import Partner, PartnerFault, Partners
from gateway.demo.story import Expected, row_digest

SUFFIX = ".tar.zst.gpg"
LIST = "分发清单_*.json"


@dataclass(frozen=True, slots=True)
class Held:
    """A package that a receiver has opened and keeps: whose it is, and its records as they are counted."""

    agreement: str
    origin: str
    file: Path
    rows: Counter[bytes]


@dataclass(slots=True)
class Receiver:
    """One province: what it holds by package id, which lists it has read, how much it has opened and deleted."""

    partner: Partner
    channel: Path
    sign_into: Path
    held: dict[str, Held] = field(default_factory=dict)
    read: set[Path] = field(default_factory=set)
    signed: int = 0
    opened: int = 0
    deleted: int = 0
    status: dict[str, dict[str, str]] = field(default_factory=dict)
    """By agreement, what the newest list says of every origin."""
    problems: list[str] = field(default_factory=list)

    def collect(self, scratch: Path, node_key: str) -> int:
        """Read every list that is new; returns how many."""
        new = [f for f in self.channel.rglob(LIST) if f not in self.read]
        fresh = [(json.loads(file.read_bytes()), file) for file in new]
        for document, file in sorted(fresh, key=lambda item: (item[0]["agreement"], item[0]["batch"])):
            self.read.add(file)
            try:
                self._take(document, file, scratch, node_key)
            except (PartnerFault, OSError, ValueError, KeyError, StopIteration) as error:
                batch = f"{document.get('agreement')} batch {document.get('batch')}"
                self.problems.append(f"{self.partner.province}, {batch}: {type(error).__name__} {error}")
        return len(fresh)

    def _take(self, document: dict[str, Any], listed: Path, scratch: Path, node_key: str) -> None:
        if self.partner.verify(listed, listed.with_name(f"{listed.name}.sig")) != node_key:
            raise PartnerFault("a list that another one signed")
        for package in document["packages"]:
            self._open(package, document, listed.parent, scratch, node_key)
            for old in str(package.get("replaces", "")).split():
                self._drop(old)
        for notice in document.get("withdrawn", []):
            self._drop(notice["package"])
        self.status[document["agreement"]] = {o["origin"][:2]: o["status"] for o in document["origins"]}
        digest = hashlib.sha256(listed.read_bytes()).hexdigest()
        forms = listed.parent.glob("*.receipt.json")
        form = next(f for f in forms if json.loads(f.read_bytes()).get("list_sha256") == digest)
        self.partner.acknowledge(form, self.sign_into)
        self.signed += 1

    def _open(
        self, package: dict[str, Any], document: dict[str, Any], folder: Path, scratch: Path, node_key: str
    ) -> None:
        name = package["package"]
        file, into = folder / f"{name}{SUFFIX}", scratch / f"{self.partner.province}-{self.opened}"
        data = file.read_bytes()
        if (hashlib.sha256(data).hexdigest(), len(data)) != (package["sha256"], package["size"]):
            raise PartnerFault("a package that is not the listed one")
        self.opened += 1
        try:
            opened = self.partner.open(file, into)
        finally:
            shutil.rmtree(into, ignore_errors=True)
        said = {
            key: opened.descriptor.get(f"gateway:{key}") for key in ("package_id", "agreement", "origin", "receiver")
        }
        meant = {
            "package_id": name,
            "agreement": document["agreement"],
            "origin": package["origin"],
            "receiver": f"{self.partner.province}0000",
        }
        counts = {len(opened.rows), package["records"], opened.descriptor.get("gateway:records")}
        if said != meant or len(counts) != 1 or opened.signer != node_key or name in self.held:
            raise PartnerFault("a package that is not what its list says")
        rows = Counter(map(row_digest, opened.rows))
        self.held[name] = Held(document["agreement"], package["origin"], file, rows)

    def _drop(self, package: str) -> None:
        gone = self.held.pop(package)
        gone.file.unlink()
        self.deleted += 1


class Holdings:
    """All receivers together. `collect` may run beside the node: a list comes last, after everything that it names."""

    def __init__(self, node: DemoNode, partners: Partners, node_key: str) -> None:
        self._key = node_key
        names = node.facts.node.folders
        self.receivers: dict[str, Receiver] = {}
        for province in partners:
            party = node.facts.by_province(province)
            assert party is not None, "a province of the exchange"
            into = folders.party_folder(node.facts, party) / names.drop / names.acknowledge
            self.receivers[province] = Receiver(partners[province], node.channel(province), into)

    def collect(self, workers: int = 2) -> int:
        """Have every receiver read its new lists; returns how many there were."""
        with tempfile.TemporaryDirectory(prefix="gw-open-") as scratch, ThreadPoolExecutor(workers) as pool:
            return sum(pool.map(lambda r: r.collect(Path(scratch), self._key), self.receivers.values()))

    def keep_collecting(self, stop: threading.Event) -> None:
        """Until told to stop, and once more."""
        while not stop.wait(0.5):
            self.collect()
        self.collect()

    @property
    def rows(self) -> dict[tuple[str, str], Counter[bytes]]:
        """For (agreement, receiving province) the records that are held, as they are counted."""
        found: dict[tuple[str, str], Counter[bytes]] = {}
        for province, receiver in self.receivers.items():
            for held in receiver.held.values():
                found.setdefault((held.agreement, province), Counter()).update(held.rows)
        return found

    @property
    def per_receiver(self) -> dict[str, int]:
        """Records by receiving province."""
        return {p: sum(h.rows.total() for h in r.held.values()) for p, r in self.receivers.items()}

    @property
    def packages(self) -> list[str]:
        """Ids of everything that is held."""
        return sorted(name for receiver in self.receivers.values() for name in receiver.held)

    def total(self, of: str) -> int:
        """`signed`, `opened` or `deleted`, over all receivers."""
        return sum(int(getattr(receiver, of)) for receiver in self.receivers.values())

    def problems(self, truth: Expected) -> list[str]:
        """Where what is held is not what the story says, without naming a record; empty when all is right."""
        found = [problem for receiver in self.receivers.values() for problem in receiver.problems]
        holds = self.rows
        for key in sorted(truth.rows.keys() | holds.keys()):
            due, came = truth.rows.get(key, Counter()), holds.get(key, Counter())
            if due != came:
                lost, extra = (due - came).total(), (came - due).total()
                found.append(f"{key[0]} to {key[1]}: {lost} records missing, {extra} that were not due")
        if len(self.packages) != truth.packages:
            found.append(f"{len(self.packages)} packages are held, {truth.packages} were due")
        for province, receiver in self.receivers.items():
            files = {file.name for file in receiver.channel.rglob(f"*{SUFFIX}")}
            strays = files - {f"{name}{SUFFIX}" for name in receiver.held}
            if strays:
                found.append(f"{province}: {len(strays)} packages that no list names")
        return found
