"""A picture as SVG: no script, no style sheet from elsewhere, no font but what a reader has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from gateway.reference.drawing.parts import BOX, DOT, LINE, LOOP, MARGIN, Box, Label, Picture, Rail, Step

_INK, _QUIET, _EDGE, _FILL, _FINAL = "#1f2933", "#5f6b7a", "#52606d", "#f3f6fa", "#eaf4ec"
_HUES: Final = ("#2563a8", "#b5482f", "#3f7d3a", "#8a4fa3", "#a8741a", "#18807c", "#b0346e", "#5a6b1f", "#4b55b8")
_ZH = "'Noto Sans CJK SC','Source Han Sans SC','PingFang SC','Microsoft YaHei','WenQuanYi Micro Hei',sans-serif"
_EN = "'DejaVu Sans Mono',Consolas,Menlo,'Liberation Mono',monospace"


def write(picture: Picture, title: str) -> str:
    """The file's text. Rails lie under straight arrows, and those under states."""
    left, width, height = picture.left, picture.width, picture.height
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="{left} 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>",
        f"text{{font-family:{_ZH};fill:{_INK}}}",
        f".en{{font-family:{_EN};fill:{_QUIET};font-size:11px}}",
        ".zh{font-size:13px}.state{font-size:16px;font-weight:600}.title{font-size:17px;font-weight:600}",
        f".note{{font-size:11px;font-style:italic;fill:{_QUIET}}}",
        ".line{fill:none;stroke-width:1.6px}",
        "</style>",
        f'<rect x="{left}" width="{width}" height="{height}" rx="8" fill="#fff"/>',
        f'<text class="title" x="{left + MARGIN}" y="32">{escape(title)}</text>',
    ]
    for number, rail in enumerate(picture.rails):
        lines += _rail(rail, _HUES[number % len(_HUES)], picture)
    for step in picture.steps:
        lines += _step(step, picture.start[1])
    lines.append(f'<circle cx="{picture.start[0]}" cy="{picture.start[1]}" r="{DOT}" fill="{_INK}"/>')
    for box in picture.boxes:
        lines += _box(box)
    for number, rail in enumerate(picture.rails):
        lines += _on(rail, _HUES[number % len(_HUES)])
    return "\n".join([*lines, "</svg>"]) + "\n"


def _box(box: Box) -> Iterator[str]:
    left = box.x - box.width // 2
    fill = _FINAL if box.final else _FILL
    yield (
        f'<rect x="{left}" y="{box.y}" width="{box.width}" height="{BOX}" rx="10" fill="{fill}"'
        f' stroke="{_EDGE}" stroke-width="1.6"/>'
    )
    if box.final:
        yield (
            f'<rect x="{left + 4}" y="{box.y + 4}" width="{box.width - 8}" height="{BOX - 8}" rx="7" fill="none"'
            f' stroke="{_EDGE}"/>'
        )
    yield f'<text class="state" x="{box.x}" y="{box.y + 24}" text-anchor="middle">{escape(box.zh)}</text>'
    yield f'<text class="en" x="{box.x}" y="{box.y + 41}" text-anchor="middle">{escape(str(box.state))}</text>'
    for number, loop in enumerate(box.loops):
        y = box.y - 10 - LOOP * (len(box.loops) - 1 - number) if box.above else box.y + BOX + 17 + LOOP * number
        x = box.x - (18 + loop.width) // 2
        yield (
            f'<path class="line" stroke="{_QUIET}" style="stroke-width:1.3px"'
            f' d="M{x + 9},{y - 8} a4,4 0 1 0 2,4 m-4,0 l4,-1 l1,4"/>'
        )
        yield _text(loop, x + 18, y)


def _text(label: Label, x: int, y: int) -> str:
    return (
        f'<text class="zh" x="{x}" y="{y}">{escape(label.zh)}<tspan class="en" dx="5">{escape(label.en)}</tspan></text>'
    )


def _step(step: Step, y: int) -> Iterator[str]:
    """The Chinese word above the line, the event's name below; further events one line up or down each."""
    yield _path([(step.before, y), (step.after - 8, y)], _EDGE)
    yield _head(step.after, y, 1, 0, _EDGE)
    middle = (step.before + step.after - 8) // 2
    for number, label in enumerate(step.labels):
        over = y - 7 - 16 * (len(step.labels) - 1 - number)
        yield f'<text class="zh" x="{middle}" y="{over}" text-anchor="middle">{escape(label.zh)}</text>'
        yield f'<text class="en" x="{middle}" y="{y + 15 + 14 * number}" text-anchor="middle">{escape(label.en)}</text>'
    for number, line in enumerate(step.note, len(step.labels)):
        yield f'<text class="note" x="{middle}" y="{y + 15 + 14 * number}" text-anchor="middle">{escape(line)}</text>'


def _rail(rail: Rail, hue: str, picture: Picture) -> Iterator[str]:
    left, right = rail.ends
    if left != right:
        yield _path([(left, rail.y), (right, rail.y)], hue)
    for port in rail.ports:
        top, bottom = picture.boxes[0].y + BOX, max(box.y for box in picture.boxes)
        edge = top if port.above else bottom
        if not port.arrives and port.x < picture.start[0] + DOT:
            edge = picture.start[1]  # the dot's
        inwards = 1 if port.above else -1
        yield _path([(port.x, edge + (8 * inwards if port.arrives else 0)), (port.x, rail.y)], hue)
        if port.arrives:
            yield _head(port.x, edge, 0, -inwards, hue)
        if port.leaves and len(rail.ports) > 2:
            yield f'<circle cx="{port.x}" cy="{rail.y}" r="3.5" fill="{hue}"/>'


def _on(rail: Rail, hue: str) -> Iterator[str]:
    """The label on its rail, over everything that crosses it."""
    x, y = rail.label_x - rail.width // 2, rail.y - rail.height // 2
    yield (
        f'<rect x="{x - 6}" y="{y}" width="{rail.width + 12}" height="{rail.height}" rx="6" fill="#fff"'
        f' stroke="{hue}"/>'
    )
    for number, label in enumerate(rail.labels):
        yield _text(label, x, y + LINE * (number + 1) - 2)
    for number, line in enumerate(rail.note, len(rail.labels) + 1):
        yield f'<text class="note" x="{x}" y="{y + LINE * number - 2}">{escape(line)}</text>'


def _path(points: list[tuple[int, int]], hue: str) -> str:
    return f'<path class="line" stroke="{hue}" d="M{" L".join(f"{x},{y}" for x, y in points)}"/>'


def _head(x: int, y: int, dx: int, dy: int, hue: str) -> str:
    """An arrow's head with its tip at (x, y), pointing along (dx, dy)."""
    back = (x - 9 * dx, y - 9 * dy)
    return (
        f'<path fill="{hue}" d="M{x},{y} L{back[0] - 5 * dy},{back[1] - 5 * dx}'
        f' L{back[0] + 5 * dy},{back[1] + 5 * dx} Z"/>'
    )
