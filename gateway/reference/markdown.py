"""How a reference page is written: a heading that says where it comes from, and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def heading(title: str, source: str, lead: str) -> list[str]:
    """The beginning of a page. `source` names what it is made from."""
    return [
        f"# {title}",
        "",
        f"<!-- Written by `make docs` from {source}. Do not edit: change the source. -->",
        "",
        lead,
        "",
    ]


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table and a blank line. Cells may hold anything but a line break."""
    lines = [_row(titles), "|" + "|".join("---" for _ in titles) + "|"]
    return [*lines, *(_row(row) for row in rows), ""]


def code(text: str) -> str:
    """Text in a code span; nothing for an empty one."""
    return f"`{text}`" if text else ""


def page(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
