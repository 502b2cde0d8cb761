"""The documentation holds: reference pages are current, links lead somewhere, commands exist with the options used, and
the tutorial does what it says, block by block."""

from __future__ import annotations

import os
import pkgutil
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import reference
from gateway.lifecycle import MACHINES
from gateway.reference import commands

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial" / "first-quarter.md"
PATIENCE = 90.0
KNOWN = commands.available()
LEFT_OUT = {".venv", "demo", "node"}  # what .gitignore names
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not {part for part in page.relative_to(ROOT).parts if part in LEFT_OUT or part.startswith(".")}
)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_ROOMS = "|".join(sorted(room.name for room in (ROOT / "gateway").iterdir() if (room / "__init__.py").exists()))
_MODULE = re.compile(rf"\bgateway([./])((?:{_ROOMS})(?:\1\w+)*)")
_MACHINE = re.compile(r"/(?:work|tmp|home|root)/|file://|https?://\S*/simple\b|--(?:extra-)?index-url|\blocalhost:\d")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_reference_is_what_the_code_says() -> None:
    assert reference.stale() == [], "run `make docs`"


def test_every_decision_has_a_number_of_its_own() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    assert all(page.read_text().startswith(f"# {page.name[:4]}: ") for page in pages)


def test_a_stale_page_is_named_and_written_anew(tmp_path: Path) -> None:
    for facts in ("config", "schemas"):
        shutil.copytree(ROOT / facts, tmp_path / facts)
    written = reference.write(tmp_path)
    assert len(written) == 5 + len(MACHINES)  # a picture of each machine
    assert reference.stale(tmp_path) == []
    page = tmp_path / "docs" / "reference" / "codes.md"
    page.write_text(page.read_text("utf-8").replace("**100**", "**999**"), "utf-8")
    assert reference.stale(tmp_path) == ["docs/reference/codes.md"]
    assert reference.write(tmp_path) == ["docs/reference/codes.md"]


def test_the_check_fails_by_its_exit_code() -> None:
    done = subprocess.run([sys.executable, "-m", "gateway.reference", "--check"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def _resolves(dotted: str) -> bool:
    """Whether a path in the package leads to a room, a module, or a name that stands in one."""
    try:
        pkgutil.resolve_name(dotted)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_module_that_is_named_stands_there(page: Path) -> None:
    named = [match[2].replace("/", ".") for match in _MODULE.finditer(page.read_text("utf-8"))]
    assert [name for name in named if not _resolves(f"gateway.{name}")] == []


def test_a_module_that_has_moved_is_seen() -> None:
    (match,) = _MODULE.finditer("see `gateway/adapters/openpgp/engine.py`, in gateway.service.d")
    assert not _resolves(f"gateway.{match[2].replace('/', '.')}")
    assert _resolves("gateway.adapters.sealing.openpgp.engine")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text("utf-8"))
    broken = []
    for target in _LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in _anchors(there)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_nothing_of_one_machine_stands_in_a_page(page: Path) -> None:
    assert _MACHINE.findall(page.read_text("utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_exists_with_the_options_used(page: Path) -> None:
    wrong = [line for line in _gateway_lines(page.read_text("utf-8")) if not _possible(line)]
    assert wrong == []


def test_a_wrong_command_would_be_noticed() -> None:
    assert _possible("gateway keys import FILE --party 430000 --fingerprint X --config first")
    assert _possible("gateway keys")
    assert not _possible("gateway keys adopt FILE")
    assert not _possible("gateway status --jason")
    assert not _possible("gateway statuses")


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_two_commands_of_the_readme_are_in_the_makefile(readme: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = (ROOT / readme).read_text("utf-8")
    named = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)`", text, re.MULTILINE))
    named = {target for pair in named for target in pair if target}
    assert {"demo", "test"} <= named <= targets


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("GATEWAY_CONFIG", "GNUPGHOME")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    background: list[subprocess.Popen[bytes]] = []
    try:
        for notes, block in _blocks(TUTORIAL.read_text("utf-8")):
            for note in notes:
                verb, _, pattern = note.partition(" ")
                if verb in ("until", "until-gone"):
                    _wait(tmp_path, pattern, there=verb == "until")
            arguments = ["bash", "-euo", "pipefail", "-c", block]
            if "background" in notes:
                with (tmp_path / "daemon.log").open("ab") as log:
                    background.append(
                        subprocess.Popen(arguments, cwd=tmp_path, env=environment, stderr=log, start_new_session=True)
                    )
                continue
            done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
            expected = 1 if "exit 1" in notes else 0
            assert done.returncode == expected, f"{block}\n{done.stdout}\n{done.stderr}"
            said = done.stdout
        assert "acknowledged 1" in _status(tmp_path, environment)
        assert re.search(r"\bsealed\b.*\baccepted\b", said, re.DOTALL), said
        opened = sorted((tmp_path / "opened").glob("*/data/migrants-inflow.csv"))
        names = {line.split(",")[1] for file in opened for line in file.read_text("utf-8").splitlines()[1:]}
        assert names == {"示例丙", "示例丁"}
    finally:
        for process in background:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _status(folder: Path, environment: dict[str, str]) -> str:
    arguments = ["gateway", "status", "--config", "first", "--lang", "en"]
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def _wait(folder: Path, pattern: str, *, there: bool) -> None:
    deadline = time.monotonic() + PATIENCE
    while bool(list(folder.glob(pattern))) != there:
        if time.monotonic() > deadline:
            journal = (folder / "daemon.log").read_text("utf-8")[-2000:]
            raise AssertionError(f"{pattern} {'did not appear' if there else 'is still there'}\n{journal}")
        time.sleep(0.2)


def _blocks(text: str) -> Iterator[tuple[list[str], str]]:
    """The blocks marked ```sh, each with the notes (HTML comments) on the lines before it."""
    for notes, block in re.findall(r"((?:^<!-- [^\n]+ -->\n)*)^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield re.findall(r"<!-- (.+?) -->", notes), block


def _gateway_lines(text: str) -> Iterator[str]:
    """Every command line of ours: lines of code blocks that begin with it (or pass it on), and code spans."""
    for fence in _FENCE.findall(text):
        for line in fence.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\||;|\$\(", line):
                if re.match(r"\s*(?:\.venv/bin/)?gateway ", part) and "…" not in part:
                    yield part.strip().removeprefix(".venv/bin/")
    for span in _SPAN.findall(_FENCE.sub("", text)):
        if span.startswith("gateway ") and not re.search("[…*]", span):
            yield span


def _possible(line: str) -> bool:
    """Whether the command exists and knows every option on the line. `a|b` in a span names two commands."""
    line = re.split(r"[>&]|\s#\s", line)[0]
    words = [word.strip("[]()") for word in line.split()[1:]]
    if words and words[0].isupper():  # `gateway COMMAND --help`
        return True
    known = KNOWN
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    names = [word for word in words if not word.startswith("-")]
    for command in known:
        if tuple(names[: len(command.words)]) == command.words:
            return options <= command.options
    return not options and any(command.words[: len(names)] == tuple(names) for command in known) and bool(names)


def _anchors(page: Path) -> set[str]:
    """The anchors GitHub makes of a page's headings."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found
