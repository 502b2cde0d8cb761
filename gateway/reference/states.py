"""The page of states: what each kind of thing goes through, kinds of delivery, stages of a receipt, events of the log.

What leads where is read from the tables of `gateway.lifecycle`; `states.toml` says in sentences what each state and
event means. A test fails for what no sentence is about, and for a sentence about nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any, get_args

from gateway.lifecycle import MACHINES, Event, Machine
from gateway.parcels import Decider, Kind
from gateway.receipts.receipt import Stage
from gateway.receipts.words import Words
from gateway.reference import transitions
from gateway.reference.drawing import draw
from gateway.reference.markdown import code, heading, table
from gateway.reference.markdown import page as joined

FOLDER = "states"
"""The pictures' folder, beside the page."""

Said = Mapping[str, Any]
Machines = Sequence[Machine[Any]]


def page(said: Said | None = None, machines: Machines = MACHINES) -> str:
    """The page's text. Raises `KeyError` for a state or an event without a sentence."""
    said = explained() if said is None else said
    lines = heading(
        "States, kinds and events · 状态",
        "gateway/lifecycle/, gateway/reference/states.toml, gateway/parcels.py and gateway/receipts",
        "What `gateway parcels list`, `gateway status` and the exchange log call things. A state changes by an entry "
        "of the log and in no other way: each kind of thing has one table of transitions, which the running node, a "
        "restore and the verifier of the log all go by. What the tables do not allow is not done, and is a finding "
        "(`lifecycle`) in a log that tells of it.",
    )
    lines += [
        "In the pictures an arrow with dots leads from any state at a dot to the state at its head; beside a state, "
        "with a small circling arrow, are the events that leave it as it is; a double frame is an end. Where a table "
        "has several rows for one event and state, the first whose condition holds counts.",
        "",
    ]
    for machine in machines:
        lines += _machine(machine, said)
    return joined([*lines, *_kinds(said), *_stages(), *_events(said, machines)])


def pictures(said: Said | None = None, machines: Machines = MACHINES) -> Mapping[str, str]:
    """Every machine's picture: name of the file beside the page -> SVG."""
    said = explained() if said is None else said
    made = {}
    for machine in machines:
        of = said[machine.name]
        words = {
            **{str(event): text["zh"] for event, text in said["events"].items()},
            **{f"state:{state}": text["zh"] for state, text in of["states"].items()},
        }
        made[f"{FOLDER}/{machine.name}.svg"] = draw(machine, words, f"{of['title']['zh']} · {of['title']['en']}")
    return made


def explained() -> Said:
    """The sentences."""
    return tomllib.loads(files(__package__).joinpath("states.toml").read_text("utf-8"))


def unexplained(said: Said | None = None, machines: Machines = MACHINES) -> list[str]:
    """States, events and kinds that no sentence is about."""
    said = explained() if said is None else said
    return sorted(_real(machines) - _told(said, machines))


def unreal(said: Said | None = None, machines: Machines = MACHINES) -> list[str]:
    """Sentences about what there is not."""
    said = explained() if said is None else said
    return sorted(_told(said, machines) - _real(machines))


def _real(machines: Machines) -> set[str]:
    return {
        *(f"{machine.name}.{state}" for machine in machines for state in machine.states),
        *(f"events.{event}" for event in Event),
        *(f"kinds.{kind}" for kind in Kind),
    }


def _told(said: Said, machines: Machines) -> set[str]:
    """What has its sentence: of a state and an event also its Chinese name."""
    named = {machine.name: said.get(machine.name, {}).get("states", {}) for machine in machines}
    named |= {name: of.get("states", {}) for name, of in said.items() if isinstance(of, Mapping) and "states" in of}
    named["events"] = said["events"]
    whole = (f"{what}.{each}" for what, of in named.items() for each, text in of.items() if _whole(text))
    return {*whole, *(f"kinds.{kind}" for kind, text in said["kinds"].items() if text)}


def _whole(text: Mapping[str, str]) -> bool:
    return bool(text.get("zh") and text.get("holds"))


def _machine(machine: Machine[Any], said: Said) -> Iterator[str]:
    of = said[machine.name]
    yield from (f"## {of['title']['en']} · {of['title']['zh']}", "", of["lead"], "")
    yield from (f"![{of['title']['en']}: states and what leads from one to the next]({FOLDER}/{machine.name}.svg)", "")
    rows = []
    for state in machine.states:
        follows = transitions.following(machine, state)
        text = of["states"][state]
        holds = text["holds"] if follows else f"**settled.** {text['holds']}"
        rows.append((code(state), text["zh"], holds, ", ".join(map(code, follows)) or "–"))
    yield from table(("State", "中文", "What holds", "Next"), rows)
    yield from table(
        ("Event", "Role", "From", "To", "When", "What the entry carries into the ledger"),
        (
            (code(row.event), row.role, row.before, row.after, row.condition, row.carries)
            for row in transitions.rows(machine)
        ),
    )


def _kinds(said: Said) -> Iterator[str]:
    zh = Words("zh")
    yield from ("## Kinds of delivery · 报送类型", "")
    yield from ("Said by the sidecar or the file's name; a file without a mark is `new`.", "")
    rows = ((code(kind), zh(f"kind.{kind}"), said["kinds"][kind]) for kind in Kind)
    yield from table(("Kind", "中文", "In the file's name"), rows)
    yield from ("What decided the period is on the receipt:", "")
    yield from table(("Word", "中文"), ((code(word), zh(f"decided.{word}")) for word in get_args(Decider)))


def _stages() -> Iterator[str]:
    zh, en = Words("zh"), Words("en")
    yield from ("## Stages of a receipt · 回执", "")
    rows = ((code(stage), zh(f"status.{stage}"), en(f"status.{stage}")) for stage in get_args(Stage))
    yield from table(("Stage", "中文", "English"), rows)


def _events(said: Said, machines: Machines) -> Iterator[str]:
    """Every event, and the kinds of things that it does something to."""
    yield from ("## Events of the exchange log · 交换日志", "")
    yield from ("How an entry is made is told in [the exchange log](../explanation/log.md).", "")
    rows = (
        (
            code(event),
            said["events"][event]["zh"],
            said["events"][event]["holds"],
            ", ".join(machine.name for machine in machines if event in machine.roles) or "–",
        )
        for event in Event
    )
    yield from table(("Event", "中文", "What it records", "Moves"), rows)
