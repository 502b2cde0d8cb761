"""A node whose clock is moved by hand, and its partners who ask and answer each other; used by several tests."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.adapters.ledger.rows import DatedRow, InquiryRow, ObligationRow, ParcelRow
from gateway.adapters.worker import parsing
from gateway.corridors.distribution import Delivery, Releasing
from gateway.corridors.obligations.replies import own_id
from gateway.demo import folders as places
from gateway.instants import SHANGHAI
from gateway.node import Node as RunningNode
from gateway.outcomes import Ok, Outcome, Refused
from gateway.parcels import ParcelId
from gateway.ports import ExamineJob
from gateway.records import jobs
from support.nodes import Node

ASK = "记录编号,姓名,公民身份号码,户籍地代码,事项代码\n"
ANSWER = "记录编号,结果代码,核实日期\n"
PERSON = "测试甲,110101199001019976"


def at(text: str) -> datetime:
    """`2026-10-20 09:00` in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@dataclass
class MovedClock:
    """Stands where it was put."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


class PlainSealer:
    """Puts members into a tar and signs with a digest: for plays of a thousand files, where what is sealed is not what
    is looked at. What it promises is `ports.Sealer`; that real packages open is shown elsewhere."""

    def seal(self, members: Sequence[tuple[str, Path | bytes]], recipient: str, target: Path) -> Outcome[None]:
        assert recipient
        with tarfile.open(target, "w") as archive:
            for name, content in members:
                data = content if isinstance(content, bytes) else content.read_bytes()
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return Ok(None)

    def sign(self, data: bytes, profile: str = "openpgp") -> Outcome[bytes]:
        return Ok(hashlib.sha256(profile.encode() + data).digest())


class NearWorker:
    """The worker's own jobs, run in this process."""

    pid = None

    def examine(self, parcel: ParcelId, job: ExamineJob) -> Outcome[Mapping[str, object]]:
        assert parcel
        answer = jobs.run(dataclasses.asdict(job))
        if answer["outcome"] == "ok":
            return Ok(answer["value"])
        return Refused(answer["code"], answer["detail"])

    def note(self, file: Path) -> Outcome[Mapping[str, object]]:
        answer = parsing.run({"job": "note"}, [os.open(file, os.O_RDONLY)])
        return Ok(answer["value"]) if answer["outcome"] == "ok" else Refused(answer["code"])


class Desk:
    """What people drop at which hour, and what the node does of it: intake to sealing, release, delivery, receipts."""

    def __init__(self, node: Node, moment: str, **parts: Any) -> None:
        """`parts` of the node's running to be others than the real ones."""
        self.node = node
        self.clock = MovedClock(at(moment))
        node.running = replace(node.running, clock=self.clock, **parts)
        self._files = 0

    @property
    def running(self) -> RunningNode:
        return self.node.running

    def set(self, moment: str) -> None:
        self.clock.moment = at(moment)

    def folder(self, party: str, agreement: str) -> Path:
        facts = self.node.facts
        folder = places.drop_folder(facts, facts.parties[f"{party}0000"], facts.agreements[agreement])
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def send(self, party: str, agreement: str, text: str, name: str = "") -> ParcelRow:
        """Drop a file and see it through to its delivery; the parcel as it ended."""
        self._files += 1
        (self.folder(party, agreement) / (name or f"文件{self._files}.csv")).write_text(text, "utf-8")
        (claim,) = self.node.scan()
        self.node.work(claim.parcel)
        self.deliver()
        return self.node.row(claim.parcel)

    def deliver(self) -> None:
        """Whatever the release rules let go, into its receivers' channels."""
        for agreement, period, batch in Releasing(self.running).ripe(self.clock.now()):
            for identity, _ in Releasing(self.running).release(agreement, period, batch, "gateway"):
                assert Delivery(self.running).run(identity) == {"outcome": "ok", "code": ""}

    def ask(self, party: str, agreement: str, numbers: Sequence[str], area: str) -> ParcelRow:
        rows = "".join(f"{number},{PERSON},{area},1\n" for number in numbers)
        return self.send(party, agreement, ASK + rows)

    def answer(self, party: str, agreement: str, rows: Sequence[tuple[str, str]], name: str = "") -> ParcelRow:
        day = f"{self.clock.now():%Y%m%d}"
        return self.send(party, agreement, ANSWER + "".join(f"{n},{result},{day}\n" for n, result in rows), name)

    # -- what the ledger holds ---------------------------------------------------------------------------------------

    def owed(self, row: ParcelRow, receiver: str) -> list[ObligationRow]:
        """What is owed for each record of an inquiry's part, in order."""
        with self.running.ledger.reading() as reading:
            return [owed for _, owed in reading.dated.with_obligations(parcel=row.id, receiver=f"{receiver}0000")]

    def states(self, row: ParcelRow, receiver: str) -> list[str]:
        return [owed.state for owed in self.owed(row, receiver)]

    def records(self, row: ParcelRow, receiver: str) -> list[DatedRow]:
        with self.running.ledger.reading() as reading:
            return list(reading.dated.of(row.id, f"{receiver}0000"))

    def inquiry(self, row: ParcelRow, receiver: str) -> InquiryRow:
        with self.running.ledger.reading() as reading:
            (found,) = reading.inquiries.where(parcel=row.id, receiver=f"{receiver}0000")
        return found

    def own(self, row: ParcelRow, receiver: str, ordinal: int) -> str:
        return own_id(self.inquiry(row, receiver), ordinal)

    def receipts(self, party: str) -> Iterator[Path]:
        yield from self.node.party_folder(party, "回执").glob("*.html")


def with_agreements(home: Path, *names: str) -> None:
    """Bring agreements of the shipped example back into a test's node."""
    shipped = Path(__file__).parents[2] / "config" / "agreements"
    for name in names:
        (home / "config" / "agreements" / f"{name}.toml").write_bytes((shipped / f"{name}.toml").read_bytes())
