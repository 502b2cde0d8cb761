"""The locator agrees with tomllib on what stands where."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.loading import find
from gateway.policy.loading.lines import error_line, line_of, locate

EXAMPLE = '''# a comment with [brackets] and "quotes"
name = "x"  # trailing
text = """
[not.a.table]
key = 1
"""
raw = \'\'\'
a = "b\'\'\'
list = [ # opened
  "a, ] # not the end",
  'b',
  { inline = 1, deeper.still = [1, 2] },
]
dotted."quoted key".last = 2026-01-01T00:00:00+08:00

[table]
one = 1

[table.sub]
two = { three = "}" }

[[array]]
first = 1
[[array]]
first = 2
[array.below]
deep = true
[[array.nested]]
end = 1
'''


def test_every_key_header_and_element_has_its_line() -> None:
    found = locate(EXAMPLE)
    expected = {
        ("name",): 2,
        ("text",): 3,
        ("raw",): 7,
        ("list",): 9,
        ("list", 0): 10,
        ("list", 1): 11,
        ("list", 2): 12,
        ("list", 2, "inline"): 12,
        ("list", 2, "deeper", "still"): 12,
        ("dotted", "quoted key", "last"): 14,
        ("table",): 16,
        ("table", "one"): 17,
        ("table", "sub"): 19,
        ("table", "sub", "two", "three"): 20,
        ("array", 0): 22,
        ("array", 0, "first"): 23,
        ("array", 1): 24,
        ("array", 1, "first"): 25,
        ("array", 1, "below", "deep"): 27,
        ("array", 1, "nested", 0, "end"): 29,
    }
    assert {path: found[path] for path in expected} == expected


def test_what_is_missing_is_placed_at_the_nearest_thing_around_it() -> None:
    found = locate(EXAMPLE)
    assert line_of(found, ("table", "sub", "absent")) == 19
    assert line_of(found, ("absent",)) == 1
    assert line_of(found, ()) == 1


def paths_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield from paths_of(below, (*path, key))


@pytest.mark.parametrize(
    "text", [EXAMPLE, *(p.read_text("utf-8") for p in sorted((find() / "config").rglob("*.toml")))]
)
def test_every_path_tomllib_knows_is_located_on_a_line_that_holds_its_key(text: str) -> None:
    found = locate(text)
    lines = text.splitlines()
    for path in paths_of(tomllib.loads(text)):
        assert path in found
        if isinstance(path[-1], str):
            assert path[-1] in lines[found[path] - 1]


_key = st.text("abcdefgh", min_size=1, max_size=4)
_scalar = st.one_of(
    st.integers(0, 99).map(str),
    st.sampled_from(['"a # b"', "'[x]'", "true", "2026-01-31", '"""\nm = 1\n"""', "'''\n[q]\n'''", '"\\"]"']),
)
_array = st.lists(_scalar, max_size=3).map(lambda items: "[\n" + ",\n".join(items) + "\n]")


@given(st.dictionaries(_key, st.dictionaries(_key, st.one_of(_scalar, _array), max_size=4), max_size=4))
def test_generated_documents_are_located_whole(tables: dict[str, dict[str, str]]) -> None:
    text, expected = "", {}
    for table, pairs in tables.items():
        expected[(table,)] = text.count("\n") + 1
        text += f"[{table}] # c\n"
        for key, value in pairs.items():
            expected[(table, key)] = text.count("\n") + 1
            text += f"{key} = {value}\n"
    tomllib.loads(text)
    found = locate(text)
    assert {path: found.get(path) for path in expected} == expected


@pytest.mark.parametrize(
    "text", ["a = [}", "a = [1, }", "a = [,", "a = [,]", "a = {b = }", "a = {b}", "a = [{", "a = [=", "a = [[}", "a ="]
)
def test_a_value_that_is_none_ends_the_looking(text: str) -> None:
    assert locate(text).get(("a",)) == 1


@given(st.text("[]{}=\"'#\n.,a1", max_size=30))
def test_text_that_is_no_toml_ends_all_the_same(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in locate(text).values())


def test_the_line_of_a_syntax_error(tmp_path: Path) -> None:
    for text, line in (("a = 1\nb = \n", 2), ("a = 1\nb = [1,\n", 2), ('a = "', 1)):
        with pytest.raises(tomllib.TOMLDecodeError) as raised:
            tomllib.loads(text)
        assert error_line(raised.value, text) == line
