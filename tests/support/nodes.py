"""A national node for tests, its partners, and a way to lead one parcel through the corridor step by step, without the
workflow engine; everything else is the real thing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway import flow, wiring
from gateway.adapters.ledger.rows import ParcelRow
from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.demo import folders as places
from gateway.demo.files import Planned, render
from gateway.demo.node import DemoNode
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.story import file_name
from gateway.founding import TierChoice, make
from gateway.node import Node as RunningNode
from gateway.outcomes import Ok
from gateway.parcels import Claim, ParcelId
from gateway.policy import loading
from gateway.policy.facts import Facts
from gateway.step import StepResult

REHEARSAL = "2026-10-20T09:00:00+08:00"
PERIOD = "2026Q3"
NODE_PARTY = "000000"


def make_node(home: Path, partners: Partners, without: str = "") -> None:
    """A node as `gateway init` makes it, the partners' keys pinned (but for `without`), its clock in October."""
    made = make(home, TierChoice.NATIONAL, NODE_PARTY, None)
    assert not made.findings.faults
    for agreement in (home / "config" / "agreements").glob("*.toml"):
        if agreement.stem not in (INFLOW, OUTFLOW):  # what else the example holds has tests of its own
            agreement.unlink()
    edit(home, scan_seconds="0.5", quiet_seconds="0.0", unfinished_seconds="0.0", min_free_mb="0", automatic="false")
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(f"\n[rehearsal]\nstarts_at = {REHEARSAL}\nspeed = 1.0\n")
    for code in partners:
        if code != without:
            pin(home, partners, code)
    partners.trust(keyring.public_key(home / "private"))
    keyring.stop_agent(home / "private")


def pin(home: Path, partners: Partners, code: str) -> None:
    """Import a partner's key, as `gateway keys import` does."""
    file = home / "private" / f"{code}.asc"
    file.write_bytes(partners[code].public_key())
    done = keyring.import_partner(
        home / "keys", home / "config" / "parties", file, f"{code}0000", partners[code].fingerprint
    )
    assert isinstance(done, Ok)
    file.unlink()


def copy_node(template: Path, home: Path) -> None:
    """The same node again, in another folder: same key, same facts, nothing done yet."""
    shutil.copytree(template, home, ignore=shutil.ignore_patterns("S.gpg-agent*"))


def edit(home: Path, **values: str) -> None:
    """Set keys of `gateway.toml`; each stands in the example."""
    file = home / "config" / "gateway.toml"
    text = file.read_text("utf-8")
    for key, value in values.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE)
        assert count == 1, key
    file.write_text(text, "utf-8")


def planned(rows: int = 12, *, party: str = "33", agreement: str = INFLOW, seed: str = "1", **more: Any) -> Planned:
    """A good file of one party, unless `more` says otherwise."""
    name = more.pop("name", file_name(agreement, PERIOD, 0))
    return Planned(f"{party}-{seed}", party, agreement, PERIOD, name, rows, f"tests/{seed}", **more)


def of_area(file: Planned, area: str) -> bytes:
    """The file with its own side in one county of the province: `area` has six digits."""
    text = render(file).decode("utf-8")
    return re.sub(rf"(?<=,){file.party}[0-9]{{4}}(?=[0-9]{{6}},)", area, text).encode()


@dataclass
class Node:
    """One node in this process. `worker` is shared between nodes unless a test brings its own."""

    home: Path
    partners: Partners
    worker: Worker
    running: RunningNode = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """(Again) with the facts as they stand on disk now."""
        self.running = wiring.build(loading.load(self.home), worker=self.worker)

    def close(self) -> None:
        self.running.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    @property
    def facts(self) -> Facts:
        return self.running.facts.current()

    # -- what people do ----------------------------------------------------------------------------------------------

    def folder(self, party: str = "33", agreement: str = INFLOW) -> Path:
        facts = self.facts
        return places.drop_folder(facts, facts.parties[f"{party}0000"], facts.agreements[agreement])

    def drop(self, file: Planned, data: bytes | None = None) -> Path:
        """Lay a file into its folder, whole at once."""
        target = self.folder(file.party, file.agreement) / file.name
        target.write_bytes(render(file) if data is None else data)
        return target

    # -- what the daemon does ----------------------------------------------------------------------------------------

    def scan(self) -> list[Claim]:
        return list(self.running.inbox.scan(self.running.clock.now()))

    def work(self, parcel: ParcelId) -> StepResult:
        """What `flow.submission` does, without the engine; its receipts are out."""
        flow.bind(self.running)
        return flow.submit(parcel, _with_receipts_out)

    def send(self, file: Planned, data: bytes | None = None) -> ParcelRow:
        """Drop a file and see it through; the parcel as it ended."""
        self.drop(file, data)
        (claim,) = self.scan()
        self.work(claim.parcel)
        return self.row(claim.parcel)

    # -- what is there -----------------------------------------------------------------------------------------------

    def row(self, parcel: str) -> ParcelRow:
        with self.running.ledger.reading() as reading:
            return reading.parcels.row(parcel)

    def events(self, parcel: str) -> list[str]:
        with self.running.ledger.reading() as reading:
            return [str(entry.event) for entry in reading.entries.of(parcel)]

    def packages(self, **equal: Any) -> list[Any]:
        with self.running.ledger.reading() as reading:
            return reading.packages.where(**equal)

    def sealed(self) -> list[Path]:
        return sorted((self.home / "state" / "sealed").rglob("*.gpg"))

    def holders(self) -> dict[str, int]:
        """Places taken, by parcel."""
        with self.running.ledger.reading() as reading:
            return reading.places.counts()

    def party_folder(self, party: str, *below: str) -> Path:
        return places.party_folder(self.facts, self.facts.parties[f"{party}0000"]).joinpath(*below)

    def receipt(self, row: ParcelRow) -> Mapping[str, Any]:
        """The one receipt of a parcel, as it lies in its sender's folder, checked: the page is there, the JSON is what
        the ledger holds, the signature is good for stock gpg."""
        with self.running.ledger.reading() as reading:
            (stored,) = reading.receipts.where(parcel=row.id)
        folder = self.party_folder(row.sender[:2], "回执")
        files = list((folder / "机器读取").glob(f"回执_{stored.number}_*.receipt.json"))
        assert len(files) == 1
        assert files[0].read_bytes() == stored.body
        verify(self.partners, files[0])
        pages = list(folder.glob(f"回执_{stored.number}_*.html"))
        assert len(pages) == 1
        document: Mapping[str, Any] = json.loads(stored.body)
        return document

    def page(self, row: ParcelRow) -> str:
        number = self.receipt(row)["number"]
        (page,) = self.party_folder(row.sender[:2], "回执").glob(f"回执_{number}_*.html")
        return page.read_text("utf-8")

    def is_refused(self, row: ParcelRow, code: str, original: bytes | None) -> None:
        """A refusal as it must always look: code, receipt, quarantine and return, nothing forwarded, no place kept."""
        assert (row.state, row.code) == ("refused", code)
        receipt = self.receipt(row)
        assert (receipt["stage"], receipt["code"], receipt["parcel"]) == ("refused", code, row.id)
        assert receipt["counts"]["accepted"] == 0
        assert f"{code}" in self.page(row)
        folder = self.folder(row.sender[:2], row.agreement)
        assert list(folder.iterdir()) == []
        quarantine = self.home / "state" / "quarantine" / row.id
        assert quarantine.is_dir()
        if original is not None:
            assert (quarantine / "content").read_bytes() == original
            returned = [p for p in self.party_folder(row.sender[:2], "退回").iterdir() if p.read_bytes() == original]
            assert len(returned) == 1
        assert self.packages(parcel=row.id) == []
        assert row.id not in self.holders()
        assert not (self.home / "state" / "spool" / row.id).exists()
        assert not (self.home / "state" / "spool" / ".arrived" / row.id).exists()
        events = self.events(row.id)
        assert events[0] == "received"
        assert [event for event in events if event != "impersonation_refused"][-1] == "refused"
        assert not {"sealed", "accepted", "released"} & set(events)

    def nothing_forwarded(self) -> None:
        assert self.packages() == []
        assert self.sealed() == []


def _with_receipts_out(name: str, step: Callable[..., StepResult], *arguments: str) -> StepResult:
    result = step(*arguments)
    assert name != "posting" or result["outcome"] == "ok"
    return result


def verify(partners: Partners, file: Path) -> None:
    """Stock gpg says that `<file>.sig` is the node's."""
    signature = file.with_name(f"{file.name}.sig")
    done = subprocess.run(
        ["gpg", "--batch", "--no-tty", "--trust-model", "always", "--status-fd", "1", "--verify", signature, file],
        env={**os.environ, "GNUPGHOME": str(partners.home), "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, "gpg does not accept the signature"
    assert done.stdout.count(b"VALIDSIG") == 1


def children(pid: int) -> list[int]:
    """The process's children."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(folder.name))
    return found


def processes_of(home: Path) -> list[str]:
    """Command lines of processes that name a node's folder, or the short path to its keys."""
    wanted = [os.fsencode(home), os.fsencode(keyring.home(home / "private"))]
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if any(path in line for path in wanted):
                found.append(line.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


class NoEndpoint:
    """For a node whose partners all have folders."""

    data = Path("/nonexistent")

    def stop(self) -> None:
        """There is nothing to stop."""


class Daemon(DemoNode):
    """A copied node's daemon, a process of its own."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, loading.load(home), NoEndpoint())  # type: ignore[arg-type]

    def drop(self, file: Planned, data: bytes | None = None) -> Path:
        """Lay a file into its folder under a name that is not taken yet, then rename it."""
        facts = self.facts
        folder = places.drop_folder(facts, facts.parties[f"{file.party}0000"], facts.agreements[file.agreement])
        part = folder / f"{file.name}.part"
        part.write_bytes(render(file) if data is None else data)
        part.rename(folder / file.name)
        return folder / file.name

    def await_parcels(self, count: int, holds: Callable[[dict[str, Any]], bool], seconds: float = 120) -> list[Any]:
        """Wait until `count` parcels satisfy `holds`; those, newest first."""
        limit = time.monotonic() + seconds
        while True:
            found = [p for p in self.get("parcels") if holds(p)]
            if len(found) >= count:
                return found
            assert time.monotonic() < limit, [(p["state"], p["code"]) for p in self.get("parcels")]
            time.sleep(0.1)

    def await_settled(self, count: int) -> list[Any]:
        return self.await_parcels(count, lambda p: p["posted_at"] != "")

    def await_counts(self, table: str, state: str, count: int, seconds: float = 120) -> None:
        limit = time.monotonic() + seconds
        while self.get("status")["counts"][table].get(state, 0) < count:
            assert time.monotonic() < limit, self.get("status")["counts"]
            time.sleep(0.1)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`gateway …` on this node."""
        return subprocess.run(
            [sys.executable, "-m", "gateway", *arguments, "--config", str(self.home)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
