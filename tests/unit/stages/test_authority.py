"""Who may say what: every kind of message, by whom it is signed and whom it names as its author."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.packed import describe

from gateway.founding import TierChoice, make
from gateway.outcomes import Refused
from gateway.packages import NAMING
from gateway.policy import loading
from gateway.policy.facts import Facts
from gateway.records.readers import datapackage
from gateway.stages import authority

NOW = datetime(2026, 10, 20, tzinfo=UTC)
NATION, PROVINCE, OTHER, COUNTY, DEPARTMENT, NOBODY = (
    "000000",
    "440000",
    "330000",
    "440106",
    "440106-jisheng",
    "999999",
)
AUTHORS = (NATION, PROVINCE, OTHER, COUNTY, "440305", DEPARTMENT, NOBODY, "somebody")


@pytest.fixture(scope="module")
def nation() -> Facts:
    return loading.load(loading.find())


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return _made(tmp_path_factory.mktemp("authority") / "province", TierChoice.PROVINCE, PROVINCE)


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return _made(tmp_path_factory.mktemp("authority") / "county", TierChoice.COUNTY, COUNTY)


def _made(home: Path, tier: TierChoice, party: str) -> Facts:
    make(home, tier, party, None)
    return loading.load(home)


@dataclass(frozen=True)
class Listed:
    issuer: str
    named: tuple[str, ...] = ()
    collected: tuple[str, ...] = ()


def of_package(facts: Facts, signer: str, **changes: object) -> Refused | None:
    made = describe(**{"sender": signer, "origin": signer, "created": NOW, **changes})
    return authority.of_package(made, facts.parties[signer], facts, NOW)


def in_a_plain_package(facts: Facts, signer: str, **named: str) -> Refused | None:
    """As it is judged: the worker reads what a Data Package without a seal says of its author, and says so."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.zip"
        with zipfile.ZipFile(path, "w") as archive:
            said = {key.replace("__", ":"): name for key, name in named.items()}
            archive.writestr("datapackage.json", json.dumps({**said, "resources": [{"path": "a.csv"}]}))
            archive.writestr("a.csv", "a\n1\n")
        found = datapackage.unpack(path, Path(folder), signer)
    if isinstance(found, Path):
        return None
    assert isinstance(found, Refused)
    assert found.code == "255"
    return authority.of_file(found.detail["claimed"], facts.parties[signer], facts)


Message = Callable[[Facts, str, str], Refused | None]
MESSAGES: dict[str, Message] = {
    "the sender of a package": lambda f, s, a: of_package(f, s, sender=a),
    "the sender and origin of a package": lambda f, s, a: of_package(f, s, sender=a, origin=a),
    "the issuer of a list": lambda f, s, a: authority.of_list(Listed(a), f.parties[s], f),
    "the issuer of a receipt": lambda f, s, a: authority.speaks(f.parties[s], (a,), f),
    **{
        f"a note beside a file, as its {key}": lambda f, s, a, k=key: authority.of_sidecar({k: a}, f.parties[s], f)
        for key in NAMING
    },
    **{
        f"a Data Package without a seal, as its {key}": lambda f, s, a, k=key: in_a_plain_package(
            f, s, **{k.replace(":", "__"): a}
        )
        for key in NAMING
    },
}
HANDED: dict[str, Message] = {
    "the origin of a package": lambda f, s, a: of_package(f, s, origin=a),
    "whose packages a list names": lambda f, s, a: authority.of_list(Listed(s, (s, a)), f.parties[s], f),
}


@pytest.mark.parametrize("author", AUTHORS)
@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize(("node", "signer"), [("nation", PROVINCE), ("province", NATION), ("province", COUNTY)])
def test_nobody_is_the_author_but_who_signs(
    message: str, author: str, node: str, signer: str, request: pytest.FixtureRequest
) -> None:
    facts: Facts = request.getfixturevalue(node)
    outcome = MESSAGES[message](facts, signer, author)
    if author == signer:
        assert outcome is None
    else:
        claimed = author if author in facts.parties else ""
        assert outcome == Refused("255", {"signer": signer, "claimed": claimed})


@pytest.mark.parametrize("name", ["张三", "Zhang San", "a" * 49, "", "330000 ", "３３００００"])
def test_what_a_plain_package_says_that_is_no_id_is_not_repeated(nation: Facts, name: str) -> None:
    """It could be a person's name."""
    assert in_a_plain_package(nation, PROVINCE, origin=name) == Refused("255", {"signer": PROVINCE, "claimed": ""})


@pytest.mark.parametrize("message", HANDED)
@pytest.mark.parametrize(
    ("node", "signer", "allowed"),
    [
        # Upwards everybody hands over its own; downwards what others reported, and nothing of one's own area.
        ("nation", PROVINCE, {PROVINCE}),
        ("province", COUNTY, {COUNTY}),
        ("province", NATION, {NATION, OTHER, NOBODY, "somebody"}),
        ("county", PROVINCE, {NATION, PROVINCE, OTHER, "440305", NOBODY, "somebody"}),
        ("county", DEPARTMENT, {DEPARTMENT}),
    ],
)
def test_whose_data_may_be_handed_over(
    message: str, node: str, signer: str, allowed: set[str], request: pytest.FixtureRequest
) -> None:
    facts: Facts = request.getfixturevalue(node)
    assert {a for a in AUTHORS if HANDED[message](facts, signer, a) is None} == allowed
    refused = [HANDED[message](facts, signer, a) for a in AUTHORS if a not in allowed]
    assert {r.code for r in refused if r} == ({"255"} if refused else set())


@pytest.mark.parametrize("name", ["330000" + "0" * 43, "Zhang.San", "330000.330106", "-"])
def test_what_is_no_party_s_id_is_nobody_s(province: Facts, name: str) -> None:
    """The ledger has room for ids, and a name may be a person's."""
    for outcome in (HANDED[message](province, NATION, name) for message in HANDED if name != "-"):
        assert outcome == Refused("255", {"signer": NATION, "claimed": ""})


@pytest.mark.parametrize(
    ("reported_for", "allowed"),
    [
        (COUNTY, True),
        (DEPARTMENT, True),
        ("440106001", True),
        ("440106001001", True),
        # A county under a second spelling would be collected twice.
        ("440106000", False),
        ("440106000000", False),
        ("440106001000", False),
        ("440106000-jisheng", False),
        ("４４０１０６", False),
        (PROVINCE, False),
        ("330106", False),
        ("44", False),
        ("jisheng", False),
        ("440106-" + "j" * 42, False),
        ("440106-JISHENG", False),
        ("440106.440106", False),
        (NOBODY, False),
    ],
)
def test_on_whose_behalf_a_part_may_be(nation: Facts, reported_for: str, allowed: bool) -> None:
    by_package = of_package(nation, PROVINCE, reported_for=reported_for)
    by_list = authority.of_list(Listed(PROVINCE, (), (reported_for,)), nation.parties[PROVINCE], nation)
    expected = None if allowed else Refused("259", {"signer": PROVINCE})
    assert by_package == by_list == expected


def test_handed_down_a_part_is_of_its_origin_s_area(province: Facts) -> None:
    assert of_package(province, NATION, origin=OTHER, reported_for="330106") is None
    assert of_package(province, NATION, origin=OTHER, reported_for="340102") == Refused("259", {"signer": OTHER})


@pytest.mark.parametrize(
    ("created", "believed"),
    [
        (NOW, True),
        (NOW + authority.CLOCKS_DIFFER, True),
        (NOW + authority.CLOCKS_DIFFER + timedelta(seconds=1), False),
        (datetime(2026, 7, 1, 12, tzinfo=UTC), True),
        (datetime(2026, 6, 29, 12, tzinfo=UTC), False),
    ],
)
def test_when_a_package_may_have_been_made(nation: Facts, created: datetime, believed: bool) -> None:
    assert (of_package(nation, PROVINCE, created=created) is None) is believed
    assert of_package(nation, PROVINCE, created=datetime(2020, 1, 1, tzinfo=UTC), period="") is None


def test_in_which_forms_a_submission_is_taken(nation: Facts) -> None:
    agreement = nation.agreements["migrants-inflow"]
    assert [authority.accepted(agreement, form) for form in ("plain", "openpgp", "sm")] == [None] * 3
    sealed = agreement.model_copy(update={"accepts": ("sm",)})
    told = Refused("256", {"accepts": "sm"})
    assert [authority.accepted(sealed, form) for form in ("plain", "openpgp", "sm")] == [told, told, None]
