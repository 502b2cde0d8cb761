"""Digests under a key: they add up, each key opens one, and what they are made of is written down."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import digests
from gateway.log.entry import is_content

KEY, OTHER = "11" * 32, "22" * 32
NUMBERS = st.integers(0, digests.MODULUS - 1).map("{:064x}".format)


def test_a_cover_is_the_hmac_of_a_word() -> None:
    cover = int(hmac.digest(bytes.fromhex(KEY), b"records", "sha256").hex(), 16)
    assert digests.covered(KEY, f"{5:064x}") == f"{(5 + cover) % 2**256:064x}"


@given(st.dictionaries(st.sampled_from(["11", "44", "65", "all"]), NUMBERS))
def test_the_sum_of_covered_parts_is_the_whole_with_every_cover(parts: dict[str, str]) -> None:
    keys = {name: digests.part_key(KEY, name) for name in parts}
    covered = digests.added(digests.covered(keys[name], digest) for name, digest in parts.items())
    whole = digests.added(parts.values())
    assert covered == digests.added((whole, *(digests.keyed(key, digests.RECORDS) for key in keys.values())))


def test_every_part_of_every_parcel_has_a_key_of_its_own() -> None:
    keys = [digests.part_key(key, part) for key in (KEY, OTHER) for part in ("11", "44", "all")]
    assert len({*keys, KEY, OTHER, *(digests.keyed(KEY, one) for one in (digests.NAME, digests.CONTENT))}) == 10


def test_keys_are_not_guessed() -> None:
    made = {digests.new_key() for _ in range(100)}
    assert len(made) == 100
    assert {len(key) for key in made} == {64}


SHA256 = hashlib.sha256(b"x").hexdigest()
SHOWN = {"content_keyed": hmac.digest(bytes.fromhex(KEY), SHA256.encode(), "sha256").hex()}


@pytest.mark.parametrize(
    ("shown", "sha256", "salt", "fits"),
    [
        ({"content": SHA256}, SHA256, "", True),
        ({"content": SHA256}, OTHER, "", False),
        (SHOWN, SHA256, KEY, True),
        (SHOWN, SHA256, OTHER, False),
        (SHOWN, OTHER, KEY, False),
        (SHOWN, SHA256, "", False),
        (SHOWN, SHA256, "no key", False),
        (SHOWN, SHOWN["content_keyed"], "", False),
        ({}, SHA256, "", True),
    ],
)
def test_what_an_entry_shows_is_of_the_file_or_not(shown: dict[str, str], sha256: str, salt: str, fits: bool) -> None:
    assert is_content(shown, sha256, salt) is fits
