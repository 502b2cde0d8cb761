"""Docstrings and comments are plain English, and cite what a reader can find."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from support.sources import ROOT, Source, comments, docstrings, sources

SOURCES = sources()
PRECIOUS = re.compile(r"\b(whoever|anew|of\s+no\s+matter)\b", re.IGNORECASE)
NOT_PUBLIC = re.compile(
    r"\(design\b|\bdesign:\s|\b(domain|design)\s+page\b|\bissues?\s+#?\d|\bseeds?\s+\d|\b(in|by)\s+the\s+seeds\b",
    re.IGNORECASE,
)
# What people read beside the code: facts with their sources, examples, instructions.
READ = ("config", "docs", "keys", "schemas", "systemd", "README.md", "CHANGELOG.md", "pyproject.toml")
TEXT = {".conf", ".csv", ".json", ".md", ".service", ".svg", ".toml"}


def found(source: Source, words: re.Pattern[str]) -> Iterator[str]:
    """Where such words stand in docstrings and comments."""
    for first, text in (*docstrings(source), *comments(source)):
        for match in words.finditer(text):
            yield f"{source.file}:{first + text.count(chr(10), 0, match.start())} {match[0]}"


def places(words: re.Pattern[str]) -> str:
    return "\n".join(place for source in SOURCES for place in found(source, words))


def test_nobody_is_precious() -> None:
    assert not places(PRECIOUS), places(PRECIOUS)


def test_nothing_is_cited_that_a_reader_cannot_find() -> None:
    assert not places(NOT_PUBLIC), places(NOT_PUBLIC)


def test_nothing_is_cited_in_facts_and_documents_that_a_reader_cannot_find() -> None:
    files = [path for name in READ for path in ((ROOT / name).rglob("*") if (ROOT / name).is_dir() else [ROOT / name])]
    texts = [path for path in files if path.is_file() and path.suffix in TEXT]
    assert {path.relative_to(ROOT).parts[0] for path in texts} == set(READ)
    wrong = [
        f"{path.relative_to(ROOT)}:{number} {match[0]}"
        for path in texts
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for match in NOT_PUBLIC.finditer(line)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('"""Told anew."""\n', 1),
        ("x = 1  # whoever asks\n", 1),
        ('class A:\n    b = 1\n    """It is of\n    no matter."""\n', 3),
    ],
)
def test_such_a_word_is_seen_where_it_stands(text: str, line: int) -> None:
    source = Source("example", "example.py", text)
    (place,) = found(source, PRECIOUS)
    assert place.startswith(f"example.py:{line} ")


@pytest.mark.parametrize(
    "text",
    ["(design: formats)", "issue 6", "Issue #12", "(design, Log)", "Design: formats", "seed 003", "the domain page"],
)
def test_what_is_not_public_is_seen(text: str) -> None:
    assert NOT_PUBLIC.search(text)


@pytest.mark.parametrize(
    "text", ["`issue` counts from 0", "a receipt's issue", "a random seed", "designed", "paramiko #2519"]
)
def test_a_word_alone_is_no_citation(text: str) -> None:
    assert not NOT_PUBLIC.search(text)
