"""The demo's story: what 32 provinces send for one quarter, and what must come of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from gateway.demo.faults import FileFault, Outcome, RowFault, label
from gateway.demo.files import Encoding, Heading, Planned, as_of, truth_of
from gateway.demo.flows import size
from gateway.demo.people import INFLOW, OUTFLOW, dice
from gateway.demo.regions import provinces

_PARTLY = (("33", INFLOW), ("41", OUTFLOW), ("50", INFLOW), ("34", OUTFLOW), ("11", INFLOW))
_NIL = {("66", OUTFLOW): FileFault.NIL, ("64", OUTFLOW): FileFault.NIL_HEADER}
_WHOLE = {
    ("42", INFLOW): FileFault.WRONG_HEADER,
    ("65", OUTFLOW): FileFault.HEADER_ONLY,
    ("35", OUTFLOW): FileFault.WRONG_DATASET,
}
TWICE = ("32", INFLOW)
_CARELESS = {("13", INFLOW), ("21", OUTFLOW), ("37", INFLOW), ("43", OUTFLOW), ("54", OUTFLOW), ("61", INFLOW)}
_ENCODINGS: tuple[Encoding, ...] = ("utf-8", "gb18030", "utf-8-sig", "gb18030")
_QUARTERS = dict(zip("1234", "一二三四", strict=True))


def file_name(agreement: str, period: str, style: int, suffix: str = "") -> str:
    """A name as liaisons choose it; `style` 0 to 2, `suffix` such as `-零报告`."""
    year, quarter = period.split("Q")
    word = "流入" if agreement == INFLOW else "流出"
    names = (
        f"{label(agreement)}-{year}年第{_QUARTERS[quarter]}季度",
        f"{'inflow' if agreement == INFLOW else 'outflow'}_{period}",
        f"{as_of(period):%Y%m%d}{word}",
    )
    return f"{names[style % 3]}{suffix}.csv"


def _seeded(rows: int, kinds: Sequence[RowFault], seed: str, every: int) -> tuple[tuple[int, RowFault], ...]:
    """Each kind at least once, about one row in `every`; with fewer rows than kinds, the first kinds."""
    count = min(rows - 1, max(len(kinds), rows // every))
    places = sorted(dice(seed, "places").sample(range(1, rows + 1), count))
    order = [kinds[index % len(kinds)] for index in range(count)]
    dice(seed, "kinds").shuffle(order)
    return tuple(zip(places, order, strict=True))


def plan(period: str = "2026Q3", seed: int = 1, scale: float = 1.0) -> list[Planned]:
    """Every file of the quarter, first versions only: 32 parties, both agreements, and one sent twice.

    Two are nil reports, five partly refused, three wholly refused, each with its `corrected` version. At `scale` 1
    more than 200,000 records; at 0.02 some thousands.
    """
    planned = []
    for agreement in (INFLOW, OUTFLOW):
        for position, province in enumerate(provinces()):
            planned.append(_one(period, seed, scale, agreement, province.code, position))
    twice = next(each for each in planned if (each.party, each.agreement) == TWICE)
    name = twice.name.replace(".csv", " - 副本.csv")
    planned.append(
        replace(
            twice, key=f"{twice.key}-again", name=name, file_fault=FileFault.DUPLICATE, copy_of=twice, after=twice.key
        )
    )
    return planned


def _one(period: str, seed: int, scale: float, agreement: str, party: str, position: int) -> Planned:
    key = f"{party}-{'inflow' if agreement == INFLOW else 'outflow'}"
    rows, own_seed, where = size(agreement, party, scale), f"{seed}/{period}/{key}", (party, agreement)
    throw = dice(own_seed, "habits")
    headings: tuple[Heading, ...] = ("titles", "titles", "titles", "names", "names", "aliases")
    base = Planned(
        key=key,
        party=party,
        agreement=agreement,
        period=period,
        name=file_name(agreement, period, throw.randrange(3)),
        rows=rows,
        seed=own_seed,
        encoding=_ENCODINGS[(position + (agreement == OUTFLOW)) % len(_ENCODINGS)],
        heading=throw.choice(headings),
        shuffled=throw.random() < 0.3,
        line_end="\r\n" if throw.random() < 0.5 else "\n",
        ignorable=throw.random() < 0.15,
        titled=throw.random() < 0.1,
        dashed=throw.random() < 0.15,
        manner="careless" if where in _CARELESS else "careful",
    )
    if where in _PARTLY:
        kinds = tuple(RowFault)
        turn = 3 * _PARTLY.index(where)
        return replace(base, row_faults=_seeded(rows, kinds[turn:] + kinds[:turn], own_seed, 60))
    if where in _NIL:
        return replace(base, rows=0, name=file_name(agreement, period, 0, "-零报告"), file_fault=_NIL[where])
    if where in _WHOLE:
        stray = 0 if _WHOLE[where] is FileFault.HEADER_ONLY else rows
        return replace(
            base,
            rows=stray,
            file_fault=_WHOLE[where],
            heading="titles",
            titled=False,
            seed=f"{own_seed}/1",
            corrected=replace(base, key=f"{key}-corrected"),
        )
    return base


def gallery(period: str = "2026Q3", seed: int = 1, rows: int = 40) -> list[Planned]:
    """One file for every fault, each in a folder of its own: every file fault, and last one with every row fault.

    The duplicate comes with its original, which it follows.
    """
    codes = [province.code for province in provinces()]
    shown = []
    for number, fault in enumerate(FileFault):
        agreement = (INFLOW, OUTFLOW)[number % 2]
        base = Planned(
            key=f"gallery-{fault.value}",
            party=codes[number],
            agreement=agreement,
            period=period,
            name=file_name(agreement, period, 0),
            rows=rows,
            seed=f"{seed}/{period}/gallery/{fault.value}",
            encoding="gb18030" if number % 3 == 0 else "utf-8",
            file_fault=fault,
        )
        match fault:
            case FileFault.NIL | FileFault.NIL_HEADER:
                base = replace(base, rows=0, name=file_name(agreement, period, 0, "-零报告"))
            case FileFault.EMPTY | FileFault.HEADER_ONLY:
                base = replace(base, rows=0)
            case FileFault.NIL_WITH_ROWS:
                base = replace(base, name=file_name(agreement, period, 0, "-零报告"))
            case FileFault.PERIOD_UNCLEAR:
                # Two quarters in one name: unclear on every node, whatever is open there.
                earlier = f"{int(period[:4]) - 1}Q4"
                base = replace(base, name=f"{label(agreement)}-{earlier}-{period}.csv")
            case FileFault.PERIOD_AHEAD:
                base = replace(base, name=file_name(agreement, f"{int(period[:4]) + 5}Q1", 1))
            case FileFault.DUPLICATE:
                original = replace(base, key=f"{base.key}-original", file_fault=None)
                shown.append(original)
                base = replace(base, name=f"再次{base.name}", copy_of=original, after=original.key)
        shown.append(base)
    rows = max(rows, 2 * len(RowFault))
    own_seed = f"{seed}/{period}/gallery/rows"
    faults = _seeded(rows, tuple(RowFault), own_seed, 2)
    name = file_name(INFLOW, period, 0)
    shown.append(Planned("gallery-rows", codes[-1], INFLOW, period, name, rows, own_seed, "gb18030", row_faults=faults))
    return shown


def everything(planned: Iterable[Planned]) -> Iterator[Planned]:
    """The files and, after each refused one, its corrected version."""
    for each in planned:
        yield each
        if each.corrected is not None:
            yield each.corrected


def row_digest(row: Sequence[str]) -> bytes:
    """A record as it is counted: 128 bits over its fields, so that no people are held while packages are compared."""
    return blake2b("\x1f".join(row).encode(), digest_size=16).digest()


@dataclass(slots=True)
class Expected:
    """What must have come out once everything was sent.

    `rows`: for (agreement, receiving province) how often each record, by `row_digest`, is due in the end: replaced and
    withdrawn deliveries are gone, parts and supplements add. `per_file`: by key, rows in, accepted and refused; all
    zero for a file that is not read as a table. `live`: keys of the files that count in the end.
    """

    rows: dict[tuple[str, str], Counter[bytes]] = field(default_factory=dict)
    per_file: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    origins: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """For (agreement, receiving province) the provinces a package must have come from."""
    outcomes: dict[str, tuple[Outcome, frozenset[str]]] = field(default_factory=dict)
    """By key, what becomes of the file, and the codes it may get."""
    live: set[str] = field(default_factory=set)
    packages: int = 0
    """How many packages count in the end: one per file that counts, and receiver with records in it."""

    @property
    def accepted(self) -> int:
        """Records that count in the end."""
        return sum(self.per_file[key][1] for key in self.live)

    @property
    def refused(self) -> int:
        """Records that were refused in files that count in the end."""
        return sum(self.per_file[key][2] for key in self.live)


def expected(planned: Iterable[Planned]) -> Expected:
    """The truth about a whole plan in the order of sending, corrected versions included (a few seconds at scale 1)."""
    total = Expected()
    counting: dict[tuple[str, str], list[tuple[str, dict[str, Counter[bytes]]]]] = {}
    for each in everything(planned):
        truth = truth_of(each)
        accepted, refused = truth.accepted_rows, len(truth.refused)
        total.outcomes[each.key] = truth.outcome, truth.codes
        total.per_file[each.key] = (accepted + refused, accepted, refused)
        if truth.outcome in ("refused", "duplicate"):
            continue
        digests = {receiver: Counter(map(row_digest, rows)) for receiver, rows in truth.accepted.items()}
        files = counting.setdefault((each.agreement, each.party), [])
        if each.kind in ("replace", "void"):
            files.clear()
        if each.kind != "void":
            files.append((each.key, digests))
    for (agreement, party), files in counting.items():
        for key, digests in files:
            total.live.add(key)
            total.packages += len(digests)
            for receiver, counted in digests.items():
                total.rows.setdefault((agreement, receiver), Counter()).update(counted)
                total.origins.setdefault((agreement, receiver), set()).add(party)
    return total
