"""Receiving provinces that own nothing of this project: they open packages and sign acknowledgements with stock `gpg`,
`zstd` and `tar`, as the formats page tells them to.

All keys of a demo lie in one GnuPG home with one agent, to save time; every partner uses its own key and no other, and
opening checks that the package was sealed for exactly that one.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from gateway.demo.files import titles
from gateway.demo.people import FIELDS, INFLOW, OUTFLOW, Row
from gateway.demo.story import Expected, row_digest

GPG = ("gpg", "--batch", "--no-tty", "--trust-model", "always", "--no-auto-check-trustdb")
SOCKET_ROOM = 80
"""A GnuPG home may be no longer (bytes): its agent's sockets lie in it, and their paths end at 108."""


class PartnerFault(RuntimeError):
    """A package that stock tools cannot open, or that is not what a receiver was promised. Names no content."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A package as its receiver sees it: its descriptor, its records in file order (fields in the order of `FIELDS`),
    and the primary fingerprint of who signed it."""

    descriptor: Mapping[str, Any]
    rows: list[Row]
    signer: str


@dataclass(frozen=True, slots=True)
class Partner:
    """One receiving province, `province` two digits, `fingerprint` of its primary key."""

    province: str
    fingerprint: str
    home: Path

    def public_key(self) -> bytes:
        """Its public key alone, armored, as it would be sent to the node."""
        return run([*GPG, "--armor", "--export", self.fingerprint], self.home)

    def open(self, package: Path, into: Path) -> Opened:
        """Decrypt, decompress and unpack into the new folder `into`, and read what is in `data/`.

        Raises `PartnerFault` when a tool fails, when the package was sealed for more than this partner or for another
        one, or when it is not signed by a key that `Partners.trust` imported.
        """
        into.mkdir(parents=True)
        archive = into / "p.tar.zst"
        status = run([*GPG, "--status-fd", "1", "-d", "-o", str(archive), str(package)], self.home).decode()
        signer = _judge(status, self.fingerprint)
        _unpack(archive, into)
        archive.unlink()
        descriptor = json.loads((into / "datapackage.json").read_text("utf-8"))
        rows = [row for data in sorted((into / "data").glob("*.csv")) for row in _rows(data)]
        return Opened(descriptor, rows, signer)

    def verify(self, document: Path, signature: Path) -> str:
        """The primary fingerprint of who signed a document. Raises `PartnerFault` without one good signature."""
        status = run([*GPG, "--status-fd", "1", "--verify", str(signature), str(document)], self.home).decode()
        signed = [line.split() for line in status.splitlines() if line.startswith("[GNUPG:] VALIDSIG")]
        if len(signed) != 1:
            raise PartnerFault("no good signature")
        return signed[0][-1]

    def acknowledge(self, form: Path, into: Path) -> Path:
        """Sign a form with this partner's key and drop `<form's name>.sig` into a folder, whole at once."""
        target = into / f"{form.name}.sig"
        part = into / f"{form.name}.sig.part"
        run([*GPG, "--local-user", self.fingerprint, "--detach-sign", "-o", str(part), str(form)], self.home)
        part.rename(target)
        return target


class Partners(Mapping[str, Partner]):
    """The receiving provinces by two-digit code, with keys made on entry (ed25519 and cv25519, no passphrase).

    `home`: a new, short folder for the keys; without it a temporary one, removed at the end. Leaving stops the agent.
    """

    def __init__(self, provinces: Iterable[str], home: Path | None = None) -> None:
        self._temporary = home is None
        self.home = home or Path(tempfile.mkdtemp(prefix="gw-"))
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(os.fsencode(self.home.resolve())) > SOCKET_ROOM:
            raise ValueError("the path of the GnuPG home is too long for its agent's sockets")
        try:
            self._partners = {code: Partner(code, self._generate(code), self.home) for code in provinces}
        except BaseException:
            self.close()
            raise

    def _generate(self, code: str) -> str:
        user = f"Example province {code} <province-{code}@example.invalid>"
        command = [*GPG, "--quiet", "--status-fd", "1", "--passphrase", "", "--quick-gen-key", user, "future-default"]
        status = run([*command, "default", "2y"], self.home).decode()
        return next(line.split()[3] for line in status.splitlines() if line.startswith("[GNUPG:] KEY_CREATED"))

    def trust(self, node_key: bytes) -> None:
        """Import the node's public key, against which the packages' signatures are checked."""
        run([*GPG, "--quiet", "--import"], self.home, node_key)

    def close(self) -> None:
        """Stop the agent; remove the keys if nobody named a place for them."""
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False, capture_output=True)
        if self._temporary:
            shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> Partners:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getitem__(self, province: str) -> Partner:
        return self._partners[province]

    def __iter__(self) -> Any:
        return iter(self._partners)

    def __len__(self) -> int:
        return len(self._partners)


@dataclass(slots=True)
class Verified:
    """What all receivers found together. `problems` name packages and provinces, never a record."""

    packages: int = 0
    rows: int = 0
    per_receiver: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


def verify_all(
    packages: Mapping[str, Iterable[Path]], partners: Mapping[str, Partner], truth: Expected, workers: int = 2
) -> Verified:
    """Open every package as its receiver (`packages`: files by receiving province) and compare with the truth: per
    agreement and receiver exactly the accepted records, each as often as it was accepted, and none to anybody else."""
    found: dict[tuple[str, str], Counter[bytes]] = {}
    result = Verified()
    with tempfile.TemporaryDirectory(prefix="gw-open-") as scratch, ThreadPoolExecutor(workers) as pool:

        def one(number: int, province: str, package: Path) -> tuple[str, str, Counter[bytes], str]:
            """Province, agreement, records as they are counted, and the problem; empty where there is none."""
            into = Path(scratch) / str(number)
            try:
                opened = partners[province].open(package, into)
            except (PartnerFault, OSError, ValueError) as error:
                return province, "", Counter(), f"package {number} of {province}: {error}"
            finally:
                shutil.rmtree(into, ignore_errors=True)
            said = opened.descriptor.get("gateway:records")
            problem = (
                "" if said == len(opened.rows) else f"package {number} of {province}: its descriptor counts otherwise"
            )
            agreement = str(opened.descriptor.get("gateway:agreement"))
            return province, agreement, Counter(map(row_digest, opened.rows)), problem

        every = [(province, package) for province, files in packages.items() for package in files]
        for done in pool.map(lambda item: one(item[0], *item[1]), enumerate(every)):
            province, agreement, counted, problem = done
            result.packages += 1
            result.rows += counted.total()
            result.per_receiver[province] = result.per_receiver.get(province, 0) + counted.total()
            if problem:
                result.problems.append(problem)
            if agreement:
                found.setdefault((agreement, province), Counter()).update(counted)
    for key in sorted(truth.rows.keys() | found.keys()):
        due, came = truth.rows.get(key, Counter()), found.get(key, Counter())
        if due != came:
            lost, extra = (due - came).total(), (came - due).total()
            result.problems.append(f"{key[0]} to {key[1]}: {lost} records missing, {extra} that were not due")
    return result


def run(command: list[str], home: Path, given: bytes | None = None) -> bytes:
    """What a tool prints, in that GnuPG home. Raises `PartnerFault` when it does not end with 0."""
    environment = {**os.environ, "GNUPGHOME": str(home), "LC_ALL": "C"}
    done = subprocess.run(command, input=given, capture_output=True, env=environment, check=False)
    if done.returncode:
        raise PartnerFault(f"{command[0]} ended with {done.returncode}")
    return done.stdout


def _judge(status: str, fingerprint: str) -> str:
    """The signer; raises unless one recipient, this key, and one good signature are what gpg reports."""
    lines = [line.split()[1:] for line in status.splitlines() if line.startswith("[GNUPG:] ")]
    by_key = [words[1:] for words in lines if words[0] == "DECRYPTION_KEY"]
    signed = [words[1:] for words in lines if words[0] == "VALIDSIG"]
    if sum(words[0] == "ENC_TO" for words in lines) != 1:
        raise PartnerFault("sealed for more than one recipient")
    if not by_key or by_key[0][1] != fingerprint:
        raise PartnerFault("sealed for another recipient")
    if len(signed) != 1:
        raise PartnerFault("no good signature")
    return signed[0][-1]


def _unpack(archive: Path, into: Path) -> None:
    with subprocess.Popen(["zstd", "-dc", "--", str(archive)], stdout=subprocess.PIPE) as expand:
        unpack = subprocess.run(["tar", "x", "-C", str(into)], stdin=expand.stdout, check=False, capture_output=True)
    if expand.returncode or unpack.returncode:
        raise PartnerFault(f"zstd ended with {expand.returncode}, tar with {unpack.returncode}")


def _rows(data: Path) -> list[Row]:
    names = {
        title: name for agreement in (INFLOW, OUTFLOW) for title, name in zip(titles(agreement), FIELDS, strict=True)
    }
    with data.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        header = [names.get(title, title) for title in next(reader, [])]
        if sorted(header) != sorted(FIELDS):
            raise PartnerFault("a heading that is not the agreement's")
        places = [header.index(name) for name in FIELDS]
        return [tuple(cells[place] for place in places) for cells in reader]
