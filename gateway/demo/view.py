"""What is to be seen while the demo runs, and what is said when it is over."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gateway.policy.model import Facts

STAGES = (
    ("arriving", "收件 intake"),
    ("received", "开件 opening"),
    ("opened", "检查 checking"),
    ("checked", "分拣 sorting"),
    ("sorted", "封装 sealing"),
    ("accepted", "已接收 accepted"),
    ("refused", "已退回 refused"),
    ("duplicate", "重复件 duplicate"),
)
DELIVERIES = (
    ("released", "已放行 released"),
    ("delivered", "已投递 delivered"),
    ("acknowledged", "已签收 acknowledged"),
)
_MARKS = {"accepted": ("●", "green"), "refused": ("✕", "red"), "duplicate": ("=", "cyan"), "faulted": ("!", "bold red")}
LINE_SECONDS = 5.0


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
        self.deliveries: Mapping[str, int] = {}

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
            self._console.print(f"[{time.monotonic() - self._began:5.0f} s] {title}", markup=False)
        else:
            self._live.update(self._picture())

    def tick(self, parcels: list[dict[str, Any]]) -> None:
        """Show the parcels as they stand."""
        self._parcels = parcels
        if self._live is not None:
            self._live.update(self._picture())
        elif time.monotonic() - self._told > LINE_SECONDS:
            self._told = time.monotonic()
            states = Counter(p["state"] for p in parcels)
            line = "  ".join(f"{name} {states[key]}" for key, name in STAGES if states[key])
            self._console.print(f"[{time.monotonic() - self._began:5.0f} s]   {line}", markup=False)

    def _picture(self) -> Panel:
        states = Counter(p["state"] for p in self._parcels)
        lines = Table.grid(padding=(0, 1))
        for key, name in STAGES:
            bar = ProgressBar(total=max(self._files, 1), completed=states[key], width=28)
            lines.add_row(name, bar, f"{states[key]:>4}")
        batches = Table.grid(padding=(0, 1))
        for key, name in DELIVERIES:
            bar = ProgressBar(total=64, completed=self.deliveries.get(key, 0), width=18)
            batches.add_row(name, bar, f"{self.deliveries.get(key, 0):>4}")
        records = sum(p["records"] for p in self._parcels if p["state"] == "accepted")
        refused = sum(p["refused"] for p in self._parcels if p["state"] == "accepted")
        batches.add_row("")
        batches.add_row("记录 records", "", f"{records:>9,}")
        batches.add_row("退回 refused", "", f"{refused:>9,}")
        top = Columns([lines, batches], padding=(0, 4))
        title = f"{self._title}  {time.monotonic() - self._began:.0f} s"
        return Panel(Group(top, Text(), self._provinces()), title=title, title_align="left")

    def _provinces(self) -> Columns:
        """One cell per province: its files as marks, then its records."""
        cells: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for parcel in sorted(self._parcels, key=lambda p: (p["agreement"], p["received_at"])):
            cells[parcel["sender"]].append(parcel)
        shown = []
        for party in sorted(self._facts.parties.values(), key=lambda p: p.area_code):
            if party.id == self._facts.node.party:
                continue
            text = Text(f"{party.short:　<4}")
            for parcel in cells[party.id]:
                sign, style = _MARKS.get(parcel["state"], ("○", "yellow"))
                text.append(sign, style)
            accepted = sum(p["accepted"] for p in cells[party.id] if p["state"] == "accepted")
            text.append(f" {accepted:>7,}", "dim")
            shown.append(text)
        return Columns(shown, equal=True, expand=True)


def summary(facts: Facts, parcels: Iterable[Mapping[str, Any]], out: Mapping[str, int], console: Console) -> None:
    """Per province: records in, accepted, refused, and what it got from the others."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for parcel in parcels:
        if parcel["state"] == "accepted":
            for key in ("records", "accepted", "refused"):
                rows[parcel["sender"]][key] += parcel[key]
        elif parcel["state"] in ("refused", "duplicate"):
            rows[parcel["sender"]][parcel["state"] + "_files"] += 1
    table = Table(title="各省收发 / per province", header_style="bold", show_footer=True)
    total: Counter[str] = sum(rows.values(), Counter())
    table.add_column("省份 province", footer="合计 total")
    for key, head in (
        ("records", "报送 in"),
        ("accepted", "合格 accepted"),
        ("refused", "退回 refused"),
        ("refused_files", "整份退回 files refused"),
        ("duplicate_files", "重复件 duplicates"),
    ):
        table.add_column(head, justify="right", footer=f"{total[key]:,}")
    table.add_column("分发 out (received)", justify="right", footer=f"{sum(out.values()):,}")
    for party in sorted(facts.parties.values(), key=lambda p: p.area_code):
        if party.id == facts.node.party:
            continue
        row = rows[party.id]
        numbers = [f"{row[k]:,}" for k in ("records", "accepted", "refused", "refused_files", "duplicate_files")]
        table.add_row(f"{party.province} {party.short}", *numbers, f"{out.get(party.province, 0):,}")
    console.print(table)
