"""Functions are short, take few things, and say what holds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

import pytest
from support.sources import Defined, Source, functions, sources

LONGEST = 60
MOST_PARAMETERS = 6
SELF_EVIDENT = 5
"""So many lines say themselves what holds."""
FUNCTIONS = [one for source in sources() for one in functions(source) if "/migrations/" not in source.file]

TOO_MANY: Mapping[str, str] = {}
TOO_LONG: Mapping[str, str] = {}
"""What may be so, and why: `<file> <function>` -> reason. They only shrink: one that nothing needs fails too."""


def key(one: Defined) -> str:
    return f"{one.source.file} {one.path}"


def broken(rule: Callable[[Defined], bool], excused: Mapping[str, str] = {}) -> str:
    """The places of those that break a rule without an excuse, and excuses that nothing needs."""
    found = {key(one): one.place for one in FUNCTIONS if rule(one)}
    idle = [f"{name}: excused, and not needed" for name in excused if name not in found]
    return "\n".join([*(place for name, place in found.items() if name not in excused), *idle])


def test_a_public_function_of_more_than_a_few_lines_says_what_holds() -> None:
    found = broken(lambda one: one.public and one.body > SELF_EVIDENT and not ast.get_docstring(one.node))
    assert not found, found


def test_a_function_takes_at_most_six_parameters() -> None:
    found = broken(lambda one: one.parameters > MOST_PARAMETERS, TOO_MANY)
    assert not found, found


def test_a_function_is_at_most_sixty_lines() -> None:
    found = broken(lambda one: one.lines > LONGEST, TOO_LONG)
    assert not found, found


def test_every_exception_has_its_reason() -> None:
    assert all(len(why) > 20 for why in (*TOO_MANY.values(), *TOO_LONG.values()))


# -- the rules themselves ----------------------------------------------------------------------------------------------

EXAMPLE = '''
def seven(a, b, /, c, d, *, e, f, g): ...
def six(a, b, c, d, *e, **f): ...
class Open:
    def method(self, a, b, c, d, e, f):
        """Six."""
        def inner(a, b, c, d, e, f, g): ...
    def _own(self):
        pass
class _Own:
    def method(self): ...
'''


@pytest.mark.parametrize(
    ("path", "parameters", "public"),
    [
        ("seven", 7, True),
        ("six", 6, True),
        ("Open.method", 6, True),
        ("Open.method.inner", 7, False),
        ("Open._own", 0, False),
        ("_Own.method", 0, False),
    ],
)
def test_parameters_are_counted_without_self(path: str, parameters: int, public: bool) -> None:
    found = {one.path: one for one in functions(Source("example", "example.py", EXAMPLE))}
    assert (found[path].parameters, found[path].public) == (parameters, public)


def test_every_function_of_the_house_is_seen() -> None:
    assert len(FUNCTIONS) > 3000
