"""ID numbers, derived by hand: the weighted sum of 110101 19900101 000 is 104, 104 mod 11 is 5, and 5 stands for 7."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.records import regions
from gateway.records.idnumber import IdNumbers, check_character
from tests.unit.records.conftest import SCHEMAS

AS_OF = date(2026, 9, 30)
FACTORS = [2 ** (17 - place) % 11 for place in range(17)]


def number(seventeen: str) -> str:
    """The whole number, its check character from the definition of ISO 7064 MOD 11-2 (factors are powers of two)."""
    rest = (1 - sum(int(d) * f for d, f in zip(seventeen, FACTORS, strict=True))) % 11
    return seventeen + ("X" if rest == 10 else str(rest))


@pytest.fixture(scope="module")
def numbers() -> IdNumbers:
    return IdNumbers(regions.load(SCHEMAS), AS_OF)


def test_by_hand() -> None:
    # 1·7+1·9+0·10+1·5+0·8+1·4 + 1·2+9·1+9·6+0·3+0·7+1·9+0·10+1·5 + 0 = 104; a day more adds 5
    assert check_character("11010119900101000") == "7"
    assert check_character("11010119900107000") == "X"
    assert check_character("11010119900109000") == "0"


@pytest.mark.parametrize(
    ("value", "canonical", "codes"),
    [
        ("110101199001010007", "110101199001010007", ()),
        ("11010119900107000X", "11010119900107000X", ()),
        ("11010119900107000x", "11010119900107000X", ("458",)),
        (number("11010119900101997"), number("11010119900101997"), ()),
        # residence permits of Hong Kong, Macao and Taiwan
        (number("81000019900101999"), number("81000019900101999"), ()),
        (number("82000019900101999"), number("82000019900101999"), ()),
        (number("83000019900101999"), number("83000019900101999"), ()),
        # a county that ended in 2010 is right for who was born before, and odd for who was born after
        (number("11010319900101999"), number("11010319900101999"), ()),
        (number("11010320150101999"), number("11010320150101999"), ("459",)),
        # counties of 2025 and 2026, from the supplement; prefectures without counties
        (number("50015720260101999"), number("50015720260101999"), ()),
        (number("65313220260601999"), number("65313220260601999"), ()),
        (number("44190019900101999"), number("44190019900101999"), ()),
        # born on a leap day, on the as-of day, and too long ago
        (number("11010120000229999"), number("11010120000229999"), ()),
        (number("11010120260930999"), number("11010120260930999"), ()),
        (number("11010119051231999"), number("11010119051231999"), ("463",)),
    ],
)
def test_good(numbers: IdNumbers, value: str, canonical: str, codes: tuple[str, ...]) -> None:
    assert numbers.judge(value) == (canonical, codes)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("110101199001010006", "421"),
        ("110101199001010070", "421"),  # two digits swapped
        (number("11010119900229999"), "422"),
        (number("11010119901301999"), "422"),
        (number("11010120261001999"), "422"),  # the day after the as-of date
        (number("99999919900101999"), "428"),
        (number("91115619900101999"), "428"),  # the foreigner's card of 2023
        (number("66010119900101999"), "429"),
        (number("11999919900101999"), "423"),
        (number("00000019900101999"), "423"),
        (number("71000019900101999"), "423"),
        ("110101900101999", "424"),
        ("１１０１０１１９９００１０１０００７", "425"),
        ("11010119900107000Ｘ", "425"),
        ("110101199001010000", "426"),
        ("1.10101E+17", "427"),
        ("1.10101199001010E+17", "427"),
        ("1E+17", "427"),
        ("11010119900101000", "420"),
        ("1101011990010100077", "420"),
        ("110101 99001010007", "420"),
        ("11010119900101000Y", "420"),
        ("X10101199001010007", "420"),
        ("11010119900107000Ⅹ", "420"),  # the Roman numeral is no X
        ("١١٠١٠١١٩٩٠٠١٠١٠٠٠٧", "420"),  # digits to str.isdigit, not to GB 11643
        ("'110101199001010007", "420"),
        ("²10101199001010007", "420"),
    ],
)
def test_refused(numbers: IdNumbers, value: str, code: str) -> None:
    canonical, codes = numbers.judge(value)
    assert canonical == value, "nothing is repaired"
    assert code in codes


def test_a_sound_number_that_ends_in_000_may_still_be_a_spreadsheets_work(numbers: IdNumbers) -> None:
    # Born in the year 2200, so nobody: digits 15 to 17 are 100 to 900, one of which has the check character 0.
    judge = IdNumbers(regions.load(SCHEMAS), None)
    found = [
        value
        for day in range(1, 29)
        for sequence in range(1, 10)
        if (value := number(f"110101220001{day:02}{sequence}00")).endswith("000")
    ]
    assert found
    assert {judge.judge(value)[1] for value in found} == {("460",)}
    # 000 as a sequence is never issued: such a number is artificial, not damaged.
    assert numbers.judge("110101199001090000") == ("110101199001090000", ())


def test_without_as_of_a_birth_in_the_future_is_not_judged() -> None:
    judge = IdNumbers(regions.load(SCHEMAS), None)
    assert judge.judge(number("11010122000101999"))[1] == ()
    assert judge.judge(number("11010122000230999"))[1] == ("422",)
