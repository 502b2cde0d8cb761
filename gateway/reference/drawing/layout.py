"""Where everything stands: the main row above, the other states below, and between them a track for every arrow that
does not simply lead to its neighbour.

Such an arrow is a rail, as on a plan of tracks: a dot where it leaves a state, a head where it arrives. The order of
the rails is the one in which the fewest lines cross; it is found exactly, for there are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from gateway.reference.drawing.graph import Arrow, Graph, State
from gateway.reference.drawing.parts import (
    BETWEEN,
    BOX,
    DOT,
    HEAD,
    LINE,
    LOOP,
    MARGIN,
    PORT,
    START,
    WIDTH,
    Box,
    Label,
    Picture,
    Port,
    Rail,
    Step,
    Words,
    note_width,
    wide,
    wrap,
)


def place(graph: Graph, words: Words, title: int) -> Picture:
    """The picture of a graph, with room for a title of that width."""
    boxes = {state: _box(state, graph, words) for state in (*graph.main, *graph.aside)}
    main, aside = [boxes[state] for state in graph.main], [boxes[state] for state in graph.aside]
    steps, rails, dot = _lines(graph, boxes, words)
    for box in boxes.values():
        box.width = max(86, 28 + wide(box.zh, 16), 28 + wide(str(box.state), 12), PORT * (len(box.ports) + 1))
    start = MARGIN + DOT
    right = max(_in_a_row(main, steps, start), MARGIN + title, WIDTH)
    right = _beside(main, aside, right)
    texts = max((sum(len(arrow.events) for arrow in arrows) for arrows in steps.values()), default=0)
    top = HEAD + max(6 + LOOP * max(len(box.loops) for box in main), LINE * texts - BOX // 2 + 14)
    _ports([*main, *aside], dot, start)
    bottom = _tracks(rails, top + BOX + 16) + (16 if aside else 0)
    for box in boxes.values():
        box.y = top if box.above else bottom
    _name(rails)
    under = max((LOOP * len(box.loops) + 4 * bool(box.loops) for box in aside), default=0)
    left = min([MARGIN, *(rail.label_x - rail.width // 2 - 6 for rail in rails)]) - MARGIN
    right = max([right, *(rail.label_x + rail.width // 2 + 6 for rail in rails)])
    return Picture(
        boxes=list(boxes.values()),
        steps=[_step(pair, arrows, boxes, start, words) for pair, arrows in steps.items()],
        rails=rails,
        start=(start, top + BOX // 2),
        left=left,
        width=right + MARGIN - left,
        height=bottom + (BOX + under if aside else 0) + MARGIN,
    )


_Steps = Mapping[tuple[State, StrEnum], Sequence[Arrow]]


def _in_a_row(main: Sequence[Box], steps: _Steps, start: int) -> int:
    """Place the main row, with room for what stands at its arrows and above its states. Returns its right edge."""
    right = 0
    for before, box in zip((None, *main), main, strict=False):
        arrows = steps.get((before.state if before else None, box.state), ())
        label = _wanted(arrows)
        if before is None:
            at = max(start + DOT + (label + 26 if label else START), MARGIN + (box.room - box.width) // 2)
        else:
            at = before.x + max(before.width // 2 + max(46, label + 30), (before.room + box.room - box.width) // 2 + 14)
        box.x = at + box.width // 2
        right = max(right, box.x + box.room // 2)
    return right


def _labels(arrows: Iterable[Arrow], words: Words) -> tuple[Label, ...]:
    return tuple(Label(words[event], event) for arrow in arrows for event in arrow.events)


def _box(state: StrEnum, graph: Graph, words: Words) -> Box:
    loops = tuple(Label(words[event], event) for event in graph.loops.get(state, ()))
    return Box(state, words[f"state:{state}"], loops, state in graph.final, state in graph.main)


def _lines(
    graph: Graph, boxes: Mapping[StrEnum, Box], words: Words
) -> tuple[dict[tuple[State, StrEnum], list[Arrow]], list[Rail], list[Port]]:
    """Straight arrows by their ends, rails for the rest, and the ports of the dot."""
    steps: dict[tuple[State, StrEnum], list[Arrow]] = {}
    if not graph.told:
        steps[None, graph.main[0]] = []
    rails: list[Rail] = []
    dot: list[Port] = []
    follows = dict(zip((None, *graph.main), graph.main, strict=False))
    for arrow in graph.arrows:
        sources = list(arrow.sources)
        if len(arrow.targets) == 1:
            straight = [source for source in sources if follows.get(source) == arrow.targets[0]]
            for source in straight:
                steps.setdefault((source, arrow.targets[0]), []).append(arrow)
                sources.remove(source)
            sources = [source for source in sources if source is not arrow.targets[0]]
        if not sources:
            continue
        rail = Rail(_labels([arrow], words), wrap(arrow.note, 32))
        rails.append(rail)
        for state in dict.fromkeys((*sources, *arrow.targets)):
            above = state is None or boxes[state].above
            port = Port(rail, state in sources, state in arrow.targets, above)
            rail.ports.append(port)
            (dot if state is None else boxes[state].ports).append(port)
    return steps, rails, dot


def _beside(main: Sequence[Box], aside: Sequence[Box], right: int) -> int:
    """Place the lower row over the width of the upper one, each near what leads to it. Returns the right edge."""
    middle = {id(port): box.x for box in main for port in box.ports}

    def near(box: Box) -> int:
        found = [middle[id(other)] for port in box.ports for other in port.rail.ports if id(other) in middle]
        return sum(found) // len(found) if found else 0

    row = sorted(aside, key=near)
    if not row:
        return right
    needed = sum(box.room for box in row)
    left = MARGIN + 2 * DOT + 10
    gap = max(26, (right - left - needed) // len(row))
    at = left + max(0, (right - left - needed - gap * (len(row) - 1)) // 2)
    for box in row:
        box.x = at + box.room // 2
        at += box.room + gap
    return max(right, at - gap)


def _ports(row: Sequence[Box], dot: Sequence[Port], start: int) -> None:
    """Spread the ports of each box along its side, in the order in which the rails lead away. Above they are on even
    places, below on odd ones, so that no line covers another."""
    for number, port in enumerate(dot):
        port.x = start + 8 * number - 4 * (len(dot) - 1)
    middle = {id(port): box.x for box in row for port in box.ports}
    for box in row:
        others = {
            id(port): [middle.get(id(other), start) for other in port.rail.ports if other is not port]
            for port in box.ports
        }
        box.ports.sort(key=lambda port: sum(others[id(port)]) // max(1, len(others[id(port)])))
        left = box.x - PORT * (len(box.ports) - 1) // 2
        for number, port in enumerate(box.ports):
            port.x = (left + PORT * number) // 8 * 8 + (0 if box.above else 4)


def _tracks(rails: list[Rail], top: int) -> int:
    """Order the rails from above so that the fewest lines cross, and put each as high as those above it allow, from
    `top` on. Returns where they end."""
    cost = [[_crossings(upper, lower) for lower in rails] for upper in rails]
    rails[:] = [rails[number] for number in _order(cost)]
    end = top
    for number, rail in enumerate(rails):
        under = [
            upper.y + upper.height // 2
            for upper in rails[:number]
            if upper.span[0] - 12 < rail.span[1] and rail.span[0] - 12 < upper.span[1]
        ]
        rail.y = max([top, *under]) + BETWEEN + rail.height // 2
        end = max(end, rail.y + rail.height // 2)
    return end


def _crossings(upper: Rail, lower: Rail) -> int:
    """How many lines cross where `upper` runs above `lower`."""
    (a, b), (c, d) = upper.span, lower.span
    return sum(port.above and a < port.x < b for port in lower.ports) + sum(
        not port.above and c < port.x < d for port in upper.ports
    )


def _order(cost: Sequence[Sequence[int]]) -> list[int]:
    """The order of least cost, where cost[i][j] is paid when i comes before j: by subsets, from the empty one up."""
    best: list[tuple[int, tuple[int, ...]]] = [(0, ())] * (1 << len(cost))
    for chosen in range(1, 1 << len(cost)):
        ways = []
        for last in range(len(cost)):
            if chosen >> last & 1:
                paid, order = best[chosen ^ 1 << last]
                ways.append((paid + sum(cost[before][last] for before in order), (*order, last)))
        best[chosen] = min(ways)
    return list(best[-1][1])


def _name(rails: Sequence[Rail]) -> None:
    """Put each label on its rail where the fewest lines cross it, else as near as can be to where the rail arrives."""
    ports = [(port, rail) for rail in rails for port in rail.ports]
    for rail in rails:
        left, right = rail.ends
        half = rail.width // 2 + 14
        crossing = [
            port.x
            for port, other in ports
            if (port.above and other.y >= rail.y) or (not port.above and other.y <= rail.y)
        ]
        goal = sum(p.x for p in rail.ports if p.arrives) // sum(p.arrives for p in rail.ports)
        low, high = min(left + half, (left + right) // 2), max(right - half, (left + right) // 2)
        rail.label_x = min(
            range(low, high + 1, 2),
            key=lambda x: (sum(x - half < at < x + half for at in crossing), abs(x - goal)),
        )


def _step(
    pair: tuple[State, StrEnum], arrows: Sequence[Arrow], boxes: Mapping[StrEnum, Box], start: int, words: Words
) -> Step:
    before, after = pair
    left = start + DOT if before is None else boxes[_known(before)].x + boxes[_known(before)].width // 2
    return Step(left, boxes[after].x - boxes[after].width // 2, _labels(arrows, words), _note(arrows))


def _note(arrows: Sequence[Arrow]) -> Sequence[str]:
    notes = {arrow.note for arrow in arrows}
    return wrap(notes.pop(), 17) if len(notes) == 1 else []


def _wanted(arrows: Sequence[Arrow]) -> int:
    """The width of the texts under an arrow; the Chinese ones over it are never wider."""
    return max([note_width(_note(arrows)), *(wide(event, 11) for arrow in arrows for event in arrow.events)])


def _known(state: State) -> StrEnum:
    assert state is not None
    return state
