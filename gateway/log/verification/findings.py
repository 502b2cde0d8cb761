"""What a verification finds. A problem names the check that failed, the place, and a sentence in both languages."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from gateway.instants import SHANGHAI, parse
from gateway.log.note import Checkpoint

LISTED = 1000

# check -> what it judges, for the report that people read; the order is the report's
CHECKS: dict[str, tuple[str, str]] = {
    "signature": ("检查点签名有效", "the checkpoint is signed by the key given"),
    "structure": ("日志文件齐全、长度正确", "every tile and bundle is there, whole, with nothing added"),
    "tile": ("哈希瓦片与条目一致", "the hash tiles are those of the entries"),
    "root": ("树根与签名的检查点一致", "the tree's root is the one that was signed"),
    "consistency": ("与先前保存的检查点一致", "earlier checkpoints are the beginning of this tree"),
    "rollback": ("没有回退到旧备份", "the log did not go back behind an earlier checkpoint"),
    "canonical": ("条目为规范格式", "every entry is in canonical form"),
    "format": ("条目字段齐全、类型正确", "every entry has the fields of the format"),
    "seq": ("序号连续", "sequence numbers are dense"),
    "id": ("编号不重复", "no entry's id is used twice"),
    "logged_at": ("登记时间不倒退", "the time of logging never goes back"),
    "time": ("事件时间不晚于登记时间", "nothing was logged before it happened"),
    "prev": ("同一交换件的条目首尾相接", "each parcel's entries are chained"),
    "covering": ("登记时间不晚于覆盖它的见证或时间戳", "no entry is later than what covers it"),
    "backdated": (
        "见证或时间戳之后的条目没有倒填时间",
        "nothing newer than a cosigned or stamped checkpoint is dated before it",
    ),
    "cosignature": ("见证签名有效", "witnesses' signatures are valid"),
    "quorum": ("见证数量达到要求", "enough witnesses cosigned"),
    "freshness": ("见证签名不过期", "the witnesses' signatures are fresh"),
    "timestamp": ("时间戳有效", "time-stamp tokens are valid"),
    "receipt": ("回执与条目一致", "receipts agree with the entries they name"),
    "lifecycle": ("每个条目都能接在先前的状态之后", "every entry follows from the state before it"),
    "conservation": ("每个交换件收支相符", "every parcel's counts add up"),
    "digest": ("各份摘要之和等于合格记录的摘要", "the parts' digests add up to that of the accepted records"),
    "delivery": (
        "放行、送达、签收是同一接收方，先后相符，签收有签名",
        "released, delivered and signed for by one receiver, in that order, with its signature",
    ),
    "retention": ("到期数据已登记销毁", "what is past its retention was logged as erased"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """`at` is a place: `seq 12`, a file of the log, a parcel, a receipt's number."""

    check: str
    at: str
    zh: str
    en: str

    def to_json(self) -> dict[str, str]:
        return {"check": self.check, "at": self.at, "zh": self.zh, "en": self.en}


@dataclass(slots=True)
class Findings:
    """Problems in the order they were met: the first thousand listed, all counted."""

    listed: list[Problem] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def add(self, check: str, at: str, zh: str, en: str) -> None:
        """A problem found by `check` (a key of `CHECKS`) at the place `at`."""
        self.counted[check] = self.counted.get(check, 0) + 1
        if len(self.listed) < LISTED:
            self.listed.append(Problem(check, at, zh, en))

    def note(self, zh: str, en: str) -> None:
        """Something a reader must know that is no fault of the log."""
        self.notes.append((zh, en))

    def report(self, checkpoint: Checkpoint, span: tuple[str, str], attested: Attested) -> Report:
        """The report on the log that `checkpoint` signs. `span`: when its first and its last entry were logged."""
        return Report(
            origin=checkpoint.origin,
            size=checkpoint.size,
            root=checkpoint.root,
            problems=tuple(self.listed),
            counted=self.counted,
            notes=tuple(self.notes),
            done=frozenset(self.done),
            first=span[0],
            last=span[1],
            attested=attested,
        )


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The largest tree that a witness of the policy cosigned: `size` entries, at `time` (RFC 3339); 0 and empty where
    there is none. `key` is the id of its key, hex."""

    name: str
    key: str
    size: int = 0
    time: str = ""

    def to_json(self) -> dict[str, str | int]:
        return {"name": self.name, "key": self.key, "size": self.size, "time": self.time}


@dataclass(frozen=True, slots=True)
class Attested:
    """Who vouches for the log. `keys`: those that signed its checkpoint, `<name>+<key id>`; `witnesses`: each of the
    policy's; `witnessed` and `stamped`: entries with enough witnesses, and with a valid token."""

    keys: tuple[str, ...] = ()
    witnesses: tuple[Cosigned, ...] = ()
    witnessed: int = 0
    stamped: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome. `ok` holds when nothing at all was found. `root` is 32 bytes; `counted` maps a check to the number
    of its problems, `problems` lists the first thousand; `done` are the checks that were made; `notes` are in Chinese
    and English. `first` and `last` are RFC 3339 (UTC), empty where the log is."""

    origin: str
    size: int
    root: bytes
    problems: tuple[Problem, ...]
    counted: dict[str, int]
    notes: tuple[tuple[str, str], ...]
    done: frozenset[str]
    first: str
    last: str
    attested: Attested

    @property
    def ok(self) -> bool:
        return not self.counted

    @property
    def witnessed(self) -> int:
        return self.attested.witnessed

    @property
    def stamped(self) -> int:
        return self.attested.stamped

    def to_json(self) -> dict[str, Any]:
        """The report as `gateway log verify --json` prints it; the root in base64."""
        return {
            "ok": self.ok,
            "origin": self.origin,
            "size": self.size,
            "root": base64.b64encode(self.root).decode(),
            "problems": [problem.to_json() for problem in self.problems],
            "counts": dict(self.counted),
            "checks": [check for check in CHECKS if check in self.done],
            "notes": [{"zh": zh, "en": en} for zh, en in self.notes],
            "first_logged_at": self.first,
            "last_logged_at": self.last,
            "first_local": local(self.first),
            "last_local": local(self.last),
            "keys": list(self.attested.keys),
            "witnesses": [witness.to_json() for witness in self.attested.witnesses],
            "witnessed_size": self.witnessed,
            "timestamped_size": self.stamped,
        }


def local(instant: str) -> str:
    """An instant as clocks in China show it (Asia/Shanghai), to the second; empty stays empty."""
    return parse(instant).astimezone(SHANGHAI).isoformat(" ", "seconds") if instant else ""
