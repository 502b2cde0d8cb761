"""Rules of the house that a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from gateway.corridors.telling.notices import AUDIENCE, NOBODY
from gateway.lifecycle import Event
from gateway.outcomes import catalogue
from gateway.receipts import notices
from gateway.receipts.words import Words

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "gateway").rglob("*.py"))
TESTS = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "tests_root").rglob("*.py")])
LONGEST = 360


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _constants(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node


def test_of_every_event_it_is_said_who_is_told() -> None:
    """And whoever is told is told something, alone and among many."""
    nobody = [event for events in NOBODY.values() for event in events]
    assert sorted([*AUDIENCE, *nobody]) == sorted(Event)
    for language in ("zh", "en"):
        words = Words(language)
        for event in (*AUDIENCE, "key_expired"):
            assert notices.line({"event": str(event)}, words)
            assert words(f"notice.kind_{event}")


def test_the_lock_pins_and_hashes_everything_and_names_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?:|://|--index-url|--extra-index|--find-links|@ file|^-e ", text, re.MULTILINE)
    for package in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,._-]+\])?==[^\s;\\]+", package), package.splitlines()[0]
        assert "--hash=sha256:" in package, package.splitlines()[0]


def test_no_address_of_a_registry_and_no_path_of_a_machine_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    wrong = re.compile(rb"pypi\.org|files\.pythonhosted|index-url *=|/work" + rb"/(main|shared)|/home/[a-z]+/\.")
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file() and name != _name(Path(__file__)):
            assert not wrong.search(path.read_bytes()), name


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_no_test_is_skipped_or_expected_to_fail(path: Path) -> None:
    """A missing component fails with its name."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        word = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        assert word not in ("skip", "skipif", "xfail", "importorskip", "skipTest"), f"line {getattr(node, 'lineno', 0)}"


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_nothing_of_the_gateway_is_replaced_in_tests(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"unittest[.]mock|Magic" + r"Mock", text)


def test_the_catalogue_is_whole_in_both_languages() -> None:
    for code, row in catalogue().items():
        assert re.fullmatch(r"[1-79][0-9]{2}", code)
        for text in (row.zh, row.en, row.remedy_zh, row.remedy_en):
            assert text.strip() == text != "", code
        for text in (row.zh, row.remedy_zh):
            assert re.search(r"[\u4e00-\u9fff]", text), code
        for text in (row.en, row.remedy_en):
            assert not re.search(r"[\u4e00-\u9fff]", re.sub("“[^”]*”", "", text)), code
        placeholders = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (row.zh, row.en)]
        assert placeholders[0] == placeholders[1], code


def test_every_code_that_the_source_gives_is_in_the_catalogue() -> None:
    """Constants given to an outcome, by place or by name of a constant."""
    for path in SOURCES:
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            made = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if made in ("Refused", "Deferred", "Fault") and isinstance(node, ast.Call) and node.args:
                for given in _constants(node.args[0]):
                    if given.value.isdigit():
                        assert given.value in catalogue(), f"{_name(path)}:{node.lineno} {given.value}"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_module_is_near_three_hundred_lines(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= LONGEST


def test_no_room_for_everything() -> None:
    for path in SOURCES:
        assert not {"utils", "common", "helpers", "manager"} & {part.removesuffix(".py") for part in path.parts}


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_public_names_say_what_holds(path: Path) -> None:
    """A module, and every public class with a body of its own, has a docstring."""
    tree = ast.parse(path.read_bytes())
    if tree.body and path.name not in ("__init__.py", "env.py") and "versions" not in path.parts:
        assert ast.get_docstring(tree), "the module"


def test_no_generated_person_could_be_real() -> None:
    """ID numbers in the tests' own files have a sequence part that is never issued, but for the standard's example."""
    found = re.compile(
        rb"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])([0-9]{3})[0-9X](?![0-9A-Za-z])"
    )
    for path in sorted((ROOT / "tests").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            for match in found.finditer(path.read_bytes()):
                example = match[0].startswith(b"11010519491231002")  # GB 11643-1999, appendix
                never_issued = match[1] in (b"000", b"997", b"999") or not _checks(match[0])
                assert example or never_issued, _name(path)


def _checks(number: bytes) -> bool:
    """ISO 7064 MOD 11-2: a number that fails it is nobody's."""
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(number[:17].decode()))
    return "10X98765432"[total % 11] == number[17:].decode()
