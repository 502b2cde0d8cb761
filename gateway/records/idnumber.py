"""ID numbers of citizens, GB 11643-1999: 6 digits region, 8 digits birth date, 3 digits sequence, 1 check character.

Region: any county that ever was (with 810000, 820000, 830000 of residence permits for Hong Kong, Macao and Taiwan),
since a number keeps the code that was valid when it was given out. Check: ISO 7064 MOD 11-2. Nothing is repaired:
a number that a spreadsheet damaged is named as such and refused.
"""

from __future__ import annotations

import re
from datetime import date

from gateway.records.memo import Memo
from gateway.records.regions import CORPS, Regions

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK = "10X98765432"
PERMITS = frozenset(("810000", "820000", "830000"))
OLDEST = 120

LENGTH, CHECKSUM, BIRTH, REGION, LEGACY, FULL_WIDTH, TAIL, FLOAT, FOREIGNER, CORPS_CODE = (
    "420", "421", "422", "423", "424", "425", "426", "427", "428", "429",
)  # fmt: skip
LOWER_X, ABOLISHED, SUSPECT_TAIL, TOO_OLD = "458", "459", "460", "463"

SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?[Ee]\+?[0-9]{1,3}", re.ASCII)
_FULL_WIDTH_FORM = re.compile("[0-9Xx\uff10-\uff19\uff38\uff58]{18}")
# Sequence numbers start at 001: 000 marks artificial people, and their tail is not a spreadsheet's work.
_NEVER_ISSUED = "000"

Codes = tuple[str, ...]


def check_character(seventeen: str) -> str:
    """The 18th character for 17 ASCII digits."""
    return CHECK[_weigh(seventeen, 0) % 11]


def _weigh(digits: str, start: int) -> int:
    return sum(int(digit) * WEIGHTS[start + place] for place, digit in enumerate(digits))


class IdNumbers:
    """Judges ID numbers against a table of regions and, where given, the as-of date (births after it are refused).

    Memoised per part, so that a number costs three look-ups; the memos are bounded.
    """

    def __init__(self, regions: Regions, as_of: date | None) -> None:
        self._regions = regions
        self._as_of = as_of
        self._area = Memo(self._judge_area, 20_000)
        self._birth = Memo(self._judge_birth, 60_000)
        self._sequence = {f"{n:03}": _weigh(f"{n:03}", 14) for n in range(1000)}

    def judge(self, value: str) -> tuple[str, Codes]:
        """The number in canonical form (upper-case X) and its codes, errors and warnings; no codes: nothing to say."""
        if len(value) != 18 or not value.isascii() or not value[:17].isdigit() or value[17] not in "0123456789Xx":
            return value, (self._shape(value),)
        codes: list[str] = []
        if value[17] == "x":
            value = value[:17] + "X"
            codes.append(LOWER_X)
        area_weight, area_codes = self._area[value[:6]]
        birth_weight, birth_codes = self._birth[value[6:14]]
        if CHECK[(area_weight + birth_weight + self._sequence[value[14:17]]) % 11] != value[17]:
            codes.append(TAIL if value.endswith("000") else CHECKSUM)
        elif value.endswith("000") and value[14:17] != _NEVER_ISSUED:
            codes.append(SUSPECT_TAIL)
        codes += area_codes
        codes += birth_codes
        known = not area_codes and not birth_codes and value[:6] not in PERMITS
        if known and self._regions.abolished_before(value[:6], int(value[6:10])):
            codes.append(ABOLISHED)
        return value, tuple(codes)

    def _shape(self, value: str) -> str:
        if SCIENTIFIC.fullmatch(value):
            return FLOAT
        if len(value) == 15 and value.isascii() and value.isdigit():
            return LEGACY
        if not value.isascii() and _FULL_WIDTH_FORM.fullmatch(value):
            return FULL_WIDTH
        return LENGTH

    def _judge_area(self, area: str) -> tuple[int, Codes]:
        weight = _weigh(area, 0)
        if area in PERMITS:
            return weight, ()
        if area[0] == "9":
            return weight, (FOREIGNER,)
        if area[:2] == CORPS:
            return weight, (CORPS_CODE,)
        return weight, () if self._regions.known(area) else (REGION,)

    def _judge_birth(self, birth: str) -> tuple[int, Codes]:
        weight = _weigh(birth, 6)
        try:
            day = date(int(birth[:4]), int(birth[4:6]), int(birth[6:]))
        except ValueError:
            return weight, (BIRTH,)
        if self._as_of is None:
            return weight, ()
        if day > self._as_of:
            return weight, (BIRTH,)
        return weight, (TOO_OLD,) if self._as_of.year - day.year > OLDEST else ()
