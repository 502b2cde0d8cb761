"""Fingerprints of records: which rows repeat an earlier one, and which are in another file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.records import repeats
from tests.unit.records.conftest import Examiner, good

KEY, OTHER = "11" * 32, "22" * 32


def _made(examiner: Examiner, tmp_path: Path, name: str, ids: list[str], key: str = KEY) -> Path:
    found = examiner([good(id_number=number, name=f"示例{n}") for n, number in enumerate(ids)], repeats=key)
    assert found.found.records == len(ids)
    return (found.job.out / repeats.FOLDER).rename(tmp_path / name)


def _numbers() -> list[str]:
    """Three numbers that nobody can bear, with the right check character."""
    weights = [2 ** (17 - place) % 11 for place in range(17)]
    return [
        body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]
        for body in ("11010119900101000", "11010119900101999", "11010119900101997")
    ]


@pytest.mark.parametrize("large", [False, True])
def test_rows_that_repeat(examiner: Examiner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    if large:
        monkeypatch.setattr(repeats, "ROWS_KNOWN", 0)
    a, b, c = _numbers()
    first = _made(examiner, tmp_path, "first", [a, b, a, a, "1", b])
    second = _made(examiner, tmp_path, "second", [c, b])
    found = repeats.compare(first, [])
    assert (found.inside, found.elsewhere) == (3, 0)
    assert found.rows == (() if large else ((3, "469"), (4, "469"), (6, "469")))
    found = repeats.compare(second, [first])
    assert (found.inside, found.elsewhere) == (0, 1)
    assert found.rows == (() if large else ((2, "470"),))


def test_another_key_gives_other_fingerprints(examiner: Examiner, tmp_path: Path) -> None:
    numbers = _numbers()
    one, other = (_made(examiner, tmp_path, key, numbers, key) for key in (KEY, OTHER))
    assert repeats.compare(one, [other]).elsewhere == 0
    assert repeats.compare(one, [one]).elsewhere == 3
