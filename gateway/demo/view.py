"""What the demo shows while it runs: the node's date passing, how files move, who owes what; and what is said when it
is over."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gateway.demo import chronicle
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.played_quarter import latest
from gateway.lifecycle import BatchState, ParcelState
from gateway.policy.facts import Facts

STAGES: Sequence[tuple[str, str]] = (
    (ParcelState.ARRIVING, "收件 intake"),
    (ParcelState.RECEIVED, "检查 checking"),
    (ParcelState.CHECKED, "分拣 sorting"),
    (ParcelState.SORTED, "封装 sealing"),
    (ParcelState.AWAITING, "待确认 awaiting"),
    (ParcelState.ACCEPTED, "已接收 accepted"),
    (ParcelState.REFUSED, "已退回 refused"),
    (ParcelState.DUPLICATE, "重复件 duplicate"),
)
DELIVERIES: Sequence[tuple[str, str]] = (
    (BatchState.RELEASED, "已放行 released"),
    (BatchState.DELIVERED, "已投递 delivered"),
    (BatchState.ACKNOWLEDGED, "已签收 acknowledged"),
)
STANDINGS: Mapping[str, tuple[str, str, str]] = {
    "none": ("–", "dim", "无 none"),
    "owed": ("○", "dim", "未报 owed"),
    "sent": ("●", "green", "已报 sent"),
    "nil": ("◇", "green", "零报告 nil"),
    "corrected": ("◆", "green", "更正 corrected"),
    "partly_refused": ("◐", "yellow", "部分退回 partly refused"),
    "refused": ("✕", "red", "已退回 refused"),
    "held": ("？", "yellow", "待确认 held"),
    "withdrawn": ("□", "yellow", "已撤回 withdrawn"),
    "late": ("▲", "yellow", "迟报 late"),
    "missing": ("■", "bold red", "缺报 missing"),
}
"""Sign, style and words of what a province's submission stands at, as the operator's page has them."""
OBLIGATIONS: Mapping[str, str] = {
    "open": "未到期 open",
    "met": "按时 met",
    "nil": "零报告 nil",
    "met_after_correction": "按时（更正） corrected in time",
    "met_late": "迟报 late",
    "missed": "缺报 missed",
}
SHORT: Mapping[str, str] = {
    "open": "未到期",
    "met": "按时",
    "nil": "零报告",
    "met_after_correction": "更正",
    "met_late": "迟报",
    "missed": "缺报",
}
LINE_SECONDS = 5.0


def day(moment: datetime) -> str:
    """`10月14日 09:30`."""
    return f"{moment.month}月{moment.day:02}日 {moment:%H:%M}"


class View:
    """A live table on a terminal; a line now and then where nobody watches. Use as a context manager."""

    def __init__(self, facts: Facts, files: int, console: Console) -> None:
        self._facts = facts
        self._files = files
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
        self._began = self._told = time.monotonic()
        self._title = ""
        self._parcels: list[dict[str, Any]] = []
        self._counts: Mapping[str, Mapping[str, int]] = {}
        self._moment = chronicle.BEGINS
        self.standings: Mapping[tuple[str, str], str] = {}
        """By (party, dataset), what a submission stands at; set by the caller that asks the node for its view."""

    def __enter__(self) -> View:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def phase(self, title: str) -> None:
        """Name what happens now."""
        self._title = title
        if self._live is None:
            self._console.print(f"[{time.monotonic() - self._began:5.0f} s] {title}", markup=False, soft_wrap=True)
        else:
            self._live.update(self._picture())

    def tick(self, parcels: list[dict[str, Any]], counts: Mapping[str, Mapping[str, int]], moment: datetime) -> None:
        """Show the parcels and batches as they stand at a moment of the node's time."""
        self._parcels, self._counts, self._moment = parcels, counts, moment
        if self._live is not None:
            self._live.update(self._picture())
        elif time.monotonic() - self._told > LINE_SECONDS:
            self._told = time.monotonic()
            states = Counter(p["state"] for p in parcels)
            shown = [f"{name} {states[key]}" for key, name in STAGES if states[key]]
            batches = counts.get("deliveries", {})
            shown += [f"{name} {batches[key]}" for key, name in DELIVERIES if batches.get(key)]
            missed = counts.get("obligations", {}).get("missed", 0)
            shown += [f"缺报 missed {missed}"] if missed else []
            line = f"[{self._told - self._began:5.0f} s]   {day(moment)}  " + "  ".join(shown)
            self._console.print(line, markup=False, soft_wrap=True)

    def _picture(self) -> Panel:
        states = Counter(p["state"] for p in self._parcels)
        lines = Table.grid(padding=(0, 1))
        for parcel, name in STAGES:
            bar = ProgressBar(total=max(self._files, 1), completed=states[parcel], width=24)
            lines.add_row(name, bar, f"{states[parcel]:>4}")
        deliveries = self._counts.get("deliveries", {})
        batches = Table.grid(padding=(0, 1))
        for batch, name in DELIVERIES:
            bar = ProgressBar(total=max(sum(deliveries.values()), 1), completed=deliveries.get(batch, 0), width=16)
            batches.add_row(name, bar, f"{deliveries.get(batch, 0):>4}")
        accepted = latest(self._parcels)
        batches.add_row("记录 records", "", f"{sum(p['records'] for p in accepted):>9,}")
        batches.add_row("退回 refused", "", f"{sum(p['refused'] for p in accepted):>9,}")
        for key, name in OBLIGATIONS.items():
            if count := self._counts.get("obligations", {}).get(key):
                batches.add_row(name, "", f"{count:>4}")
        top = Columns([lines, batches], padding=(0, 4))
        title = f"{day(self._moment)}  {self._due()}  {self._title}  {time.monotonic() - self._began:.0f} s"
        return Panel(Group(top, Text(), self._provinces(), Text(), self._legend()), title=title, title_align="left")

    def _due(self) -> str:
        left = (chronicle.DUE - self._moment.date()).days
        return f"期限 due {chronicle.DUE:%m-%d}（还有 {left} 天）" if left >= 0 else f"期限 {chronicle.DUE:%m-%d} 已过"

    def _provinces(self) -> Columns:
        """One cell per province: what its two datasets stand at, then its records."""
        records: Counter[str] = Counter()
        for parcel in latest(self._parcels):
            records[parcel["sender"]] += parcel["accepted"]
        shown = []
        for party in sorted(self._facts.parties.values(), key=lambda p: p.area_code):
            if party.id == self._facts.node.party:
                continue
            text = Text(f"{party.short:　<4}")
            for agreement in (INFLOW, OUTFLOW):
                sign, style, _ = STANDINGS[self.standings.get((party.id, agreement), "owed")]
                text.append(sign, style)
            text.append(f" {records[party.id]:>7,}", "dim")
            shown.append(text)
        return Columns(shown, equal=True, expand=True)

    def _legend(self) -> Text:
        there = set(self.standings.values())
        text = Text()
        for key, (sign, style, words) in STANDINGS.items():
            if key in there:
                text.append(sign, style).append(f" {words}   ", "dim")
        return text


def summary(
    facts: Facts,
    parcels: Iterable[Mapping[str, Any]],
    latest: Iterable[Mapping[str, Any]],
    out: Mapping[str, int],
    standings: Mapping[tuple[str, str], str],
    console: Console,
) -> None:
    """Per province: records in, accepted and refused in the deliveries that count (`latest`), whole files refused, what
    it holds of the others, and what became of its two submissions."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for parcel in latest:
        for key in ("records", "accepted", "refused"):
            rows[str(parcel["sender"])][key] += int(parcel[key])
    for parcel in parcels:
        if parcel["state"] in ("refused", "duplicate"):
            rows[str(parcel["sender"])][f"{parcel['state']}_files"] += 1
    table = Table(
        title="各省收发 / per province", header_style="bold", show_footer=True, box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    total: Counter[str] = sum(rows.values(), Counter())
    table.add_column("省份\nprovince", footer="合计", no_wrap=True)
    for key, head in (
        ("records", "报送\nin"),
        ("accepted", "合格\naccepted"),
        ("refused", "退回\nrefused"),
        ("refused_files", "整退\nfiles"),
        ("duplicate_files", "重复\ntwice"),
    ):
        table.add_column(head, justify="right", footer=f"{total[key]:,}", no_wrap=True)
    table.add_column("持有\nholds", justify="right", footer=f"{sum(out.values()):,}", no_wrap=True)
    table.add_column("流入\ninflow", no_wrap=True)
    table.add_column("流出\noutflow", no_wrap=True)
    for party in sorted(facts.parties.values(), key=lambda p: p.area_code):
        if party.id == facts.node.party:
            continue
        row = rows[party.id]
        numbers = [f"{row[k]:,}" for k in ("records", "accepted", "refused", "refused_files", "duplicate_files")]
        became = [SHORT[standings[party.province, agreement]] for agreement in (INFLOW, OUTFLOW)]
        table.add_row(f"{party.province} {party.short}", *numbers, f"{out.get(party.province, 0):,}", *became)
    console.print(table)
