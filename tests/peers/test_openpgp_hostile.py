"""Messages that no program writes, through the real gpg: each refused as the sender's, and what gpg may write is what a
message of that size can honestly hold."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from support.hostile import messages
from support.openpgp_peers import StockGpg
from support.packed import packed

from gateway.adapters.container.caps import Caps
from gateway.adapters.sealing import keyring, openpgp
from gateway.adapters.sealing.openpgp import OpenPGP, outline
from gateway.outcomes import Ok, Refused

INSIDES = dict(messages.insides())
OUTSIDES = [name for name, _ in messages.outsides(b"", 0)]


class Stage:
    """The node, a stock gpg as its partner, and how much was decrypted at most."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stock = folder, StockGpg(folder / "stock")
        self.own, self.partner = keyring.generate(folder / "private", "node"), self.stock.generate("partner")
        (folder / "node.asc").write_bytes(keyring.public_key(folder / "private"))
        self.stock.run("--import", str(folder / "node.asc"))
        (folder / "partner.asc").write_bytes(self.stock.public(self.partner))
        self.node = OpenPGP(folder / "private", {self.partner: folder / "partner.asc"})
        self.written = 0
        self.good = self.stock.seal(packed(), [self.own], [self.partner])

    def encrypted(self, packets: bytes) -> bytes:
        """Any packets, as they are."""
        return self.stock.run("--no-literal", "-z", "0", "--encrypt", "--recipient", self.own, data=packets)

    def open(self, sealed: bytes):
        (self.folder / "p.gpg").write_bytes(sealed)
        self.written = 0
        return self.node.open(self.folder / "p.gpg", self.folder / "place/out", self.partner)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("hostile"))
    yield made
    made.node.close()
    made.stock.close()


@pytest.fixture(autouse=True)
def _watched(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    unnamed = openpgp.unnamed

    @contextlib.contextmanager
    def watched(folder: Path) -> Iterator[int]:
        with unnamed(folder) as plain:
            yield plain
            stage.written = max(stage.written, os.fstat(plain).st_size)

    monkeypatch.setattr(openpgp, "unnamed", watched)


def refused(stage: Stage, sealed: bytes) -> str:
    outcome = stage.open(sealed)
    assert isinstance(outcome, Refused), outcome
    assert stage.written <= Caps().of_message(len(sealed)).plain
    assert list((stage.folder / "place").iterdir()) == []
    return outcome.code


def test_what_takes_gpg_too_long_is_its_senders(stage: Stage) -> None:
    """The kernel ends it; it used to be tried again for ever."""
    assert refused(stage, stage.encrypted(INSIDES["signatures, compressed"])) == "263"


@pytest.mark.parametrize("name", [name for name in INSIDES if name != "signatures, compressed"])
def test_what_is_inside(stage: Stage, name: str) -> None:
    assert refused(stage, stage.encrypted(INSIDES[name])) in ("210", "211", "214", "216", "263")


@pytest.mark.parametrize("name", OUTSIDES)
def test_what_is_around_it(stage: Stage, name: str) -> None:
    sealed = dict(messages.outsides(stage.good, first(stage.good)))[name]
    assert refused(stage, sealed) in ("212", "213", "214", "216", "263")


def first(message: bytes) -> int:
    """The length of the first packet."""
    found = outline._packet(message, 0)
    assert found is not None
    return found[1]


def test_an_unsigned_message_of_68_kilobytes_writes_no_more_than_twice_of_it(stage: Stage) -> None:
    """It used to write two gigabytes before it was refused: zstd inside, and nobody's signature around."""
    bomb = zstandard.ZstdCompressor(level=1).compress(bytes(2 << 30))
    sealed = stage.stock.seal(bomb, [stage.own], [])
    assert len(sealed) < 300_000
    outcome = stage.open(sealed)
    assert outcome == Refused("210", {"reason": "unsigned"})
    assert stage.written <= 2 * len(sealed)


def test_too_many_recipients_are_counted_before_gpg_tries_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    many = dict(messages.outsides(stage.good, first(stage.good)))["the session key 1000 times"]
    monkeypatch.setattr(stage.node._engine, "run", lambda *_, **__: pytest.fail("gpg was asked"))
    assert stage.open(many) == Refused("263", {"reason": "too many recipients"})


def test_sealed_again_as_the_remedy_says_it_is_taken(stage: Stage) -> None:
    """Code 263: one recipient, and `-z 0`."""
    command = ["-z", "0", "--local-user", stage.partner, "--recipient", stage.own, "--sign", "--encrypt"]
    assert isinstance(stage.open(stage.stock.run(*command, data=packed())), Ok)
