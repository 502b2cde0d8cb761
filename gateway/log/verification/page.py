"""The verification's report as a page a person reads: Chinese first, English by choice. No script, no outside file."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from gateway.log.verification.findings import CHECKS, LISTED, Cosigned, Report, local

_STYLE = """
body{font:16px/1.6 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;
color:#1a1a1a}
h1{font-size:1.4rem}.verdict{padding:.8rem 1rem;border-left:.4rem solid;font-size:1.15rem;font-weight:600}
.good{border-color:#1a7f37;background:#eaf6ec}.bad{border-color:#b42318;background:#fdecea}
table{border-collapse:collapse;width:100%;margin:1rem 0}
td,th{border:1px solid #ccc;padding:.35rem .6rem;text-align:left;vertical-align:top}
td.n{text-align:right}.fail{color:#b42318;font-weight:600}.pass{color:#1a7f37}.none{color:#666}
code{font-size:.85rem;word-break:break-all}@media print{body{margin:0}}
"""


def page(report: Report, language: str = "zh") -> bytes:
    """A whole HTML document (UTF-8)."""
    zh = language == "zh"

    def say(chinese: str, english: str) -> str:
        return chinese if zh else english

    total = sum(report.counted.values())
    verdict = (
        say(f"通过：{report.size:,} 条日志，没有发现问题。", f"Passed: {report.size:,} entries, nothing was found.")
        if report.ok
        else say(f"未通过：发现 {total:,} 个问题，列在页末。", f"Failed: {total:,} problems, listed at the end.")
    )
    facts = _facts(report, zh)
    rows = []
    for check, (chinese, english) in CHECKS.items():
        found = report.counted.get(check, 0)
        if found:
            result = f'<td class="fail">{say(f"✗ {found:,} 个问题", f"✗ {found:,} problems")}</td>'
        elif check in report.done:
            result = f'<td class="pass">{say("✓ 通过", "✓ passed")}</td>'
        else:
            unjudged = say("— 未检查（没有给出所需材料）", "— not judged (nothing to judge by)")
            result = f'<td class="none">{unjudged}</td>'
        rows.append(f"<tr><td>{escape(say(chinese, english))}</td>{result}</tr>")
    problems = "".join(
        f"<tr><td>{escape(say(CHECKS[p.check][0], p.check))}</td><td><code>{escape(p.at)}</code></td>"
        f"<td>{escape(say(p.zh, p.en))}</td></tr>"
        for p in report.problems
    )
    cut = say(f"只列出前 {LISTED:,} 个。", f"The first {LISTED:,} are listed.") if total > LISTED else ""
    title = say("交换日志核验报告", "Verification of the exchange log")
    listed = (
        f"<h2>{say('问题', 'Problems')}</h2><p>{cut}</p><table><tr><th>{say('检查项', 'Check')}</th>"
        f"<th>{say('位置', 'Place')}</th><th>{say('说明', 'What was found')}</th></tr>{problems}</table>"
        if problems
        else ""
    )
    notes = "".join(f"<li>{escape(say(*note))}</li>" for note in report.notes)
    noted = f"<h2>{say('阅读须知', 'What this does not show')}</h2><ul>{notes}</ul>" if notes else ""
    return (
        f'<!doctype html><html lang="{say("zh-CN", "en")}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p class="verdict {"good" if report.ok else "bad"}">{verdict}</p>'
        f"<table>{''.join(f'<tr><th>{name}</th><td>{value}</td></tr>' for name, value in facts)}</table>"
        f"<h2>{say('检查项', 'Checks')}</h2><table>{''.join(rows)}</table>{noted}{listed}</html>\n"
    ).encode()


def _facts(report: Report, zh: bool) -> list[tuple[str, str]]:
    """What the log is, who signed and cosigned it, from when to when: heads and values, as HTML."""

    def say(chinese: str, english: str) -> str:
        return chinese if zh else english

    def span(first: str, last: str) -> str:
        return f"{escape(first or '–')} … {escape(last or '–')}"

    vouched = report.attested
    return [
        (say("日志（来源）", "Log (origin)"), escape(report.origin)),
        (say("条数", "Entries"), f"{report.size:,}"),
        (say("树根（SHA-256，十六进制）", "Root (SHA-256, hex)"), f"<code>{report.root.hex()}</code>"),
        (say("签名公钥（名称+编号）", "Signed by (name+key id)"), _codes(vouched.keys) or "–"),
        (say("登记时间（北京时间）", "Logged (Asia/Shanghai)"), span(local(report.first), local(report.last))),
        (say("登记时间（UTC）", "Logged (UTC)"), span(report.first, report.last)),
        (say("见证方", "Witnesses"), "<br>".join(escape(witness_line(w, zh)) for w in vouched.witnesses) or "–"),
        (say("有足够见证的条数", "Witnessed up to"), f"{report.witnessed:,}"),
        (say("有时间戳的条数", "Time-stamped up to"), f"{report.stamped:,}"),
    ]


def witness_line(witness: Cosigned, zh: bool) -> str:
    """Who cosigned how much, and when, by clocks in China."""
    named = f"{witness.name} ({witness.key})"
    if not witness.size:
        return f"{named}：没有见证" if zh else f"{named}: nothing cosigned"
    if zh:
        return f"{named}：见证至第 {witness.size:,} 条，{local(witness.time)}"
    return f"{named}: {witness.size:,} entries, {local(witness.time)}"


def _codes(texts: Iterable[str]) -> str:
    return "<br>".join(f"<code>{escape(text)}</code>" for text in texts)
