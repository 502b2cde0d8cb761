"""The page of codes, from `gateway/codes.toml`, by band."""

from __future__ import annotations

from gateway.outcomes import catalogue
from gateway.records.violations import meanings
from gateway.reference.markdown import heading, table
from gateway.reference.markdown import page as joined

BANDS = {
    "1": ("Done", "办结", "What a receipt says when all is well."),
    "2": (
        "Package and file",
        "文件与交换包",
        "The sender mends it. The file is quarantined and returned; nothing of it is forwarded.",
    ),
    "3": ("Table", "表格", "The file cannot be read as the table it should be; it is returned whole."),
    "4": (
        "Records",
        "记录",
        "Said of one record and field. An `error` refuses the record, which comes back in the list of returned rows; "
        "with a `warning` it travels.",
    ),
    "5": ("Routing and conservation", "分拣与守恒", "Where a record belongs."),
    "6": ("Deadlines", "期限", "Dates, the calendar's files, and obligations."),
    "7": (
        "Delivery and waiting",
        "投递与等待",
        "The world has to change first: tried again by itself, visible, never lost.",
    ),
    "9": ("Our fault", "系统问题", "The parcel stops where it is and the operator is told; nothing is dropped."),
}


def page() -> str:
    """The page's text: every code with its sentence and remedy in both languages, by its first digit."""
    lines = heading(
        "Codes · 代码",
        "gateway/codes.toml",
        "Every outcome has a stable number, a sentence and a remedy in both languages. Numbers are never used again "
        "for something else. `{…}` is filled in when the sentence is said: a limit, a column's title, a count; never "
        "a value out of a record.",
    )
    known = catalogue()
    assert {code[0] for code in known} <= BANDS.keys(), "every band has a name"
    for band, (english, chinese, what) in BANDS.items():
        rows = [entry for number, entry in sorted(known.items()) if number[0] == band]
        if not rows:
            continue
        lines += [f"## {band}xx {english} · {chinese}", "", what, ""]
        judged = meanings()
        if any(entry.code in judged for entry in rows):
            lines += table(
                ("Code", "Severity", "Dimension", "问题", "处理办法", "What is wrong", "Remedy"),
                (
                    (
                        f"**{e.code}**",
                        judged[e.code].severity if e.code in judged else "whole file",
                        judged[e.code].dimension if e.code in judged else "",
                        e.zh,
                        e.remedy_zh,
                        e.en,
                        e.remedy_en,
                    )
                    for e in rows
                ),
            )
        else:
            lines += table(
                ("Code", "问题", "处理办法", "What is wrong", "Remedy"),
                ((f"**{e.code}**", e.zh, e.remedy_zh, e.en, e.remedy_en) for e in rows),
            )
    return joined(lines)
