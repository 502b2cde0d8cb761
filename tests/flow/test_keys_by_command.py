"""A node's keys as an administrator handles them: command line, running daemon, real gpg; and a release by two."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.nodes import PERIOD, Daemon, planned
from typer.testing import CliRunner

from gateway import wiring
from gateway.adapters.ledger import Ledger
from gateway.adapters.sealing import keyring
from gateway.cli import app
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW

HUBEI = "420000"


def gateway(home: Path, *words: object) -> tuple[int, str]:
    """`gateway … --config home`; exit code and standard output."""
    done = CliRunner().invoke(app, [*map(str, words), "--config", str(home)])
    return done.exit_code, done.stdout


def states(home: Path) -> dict[tuple[str, str], str]:
    code, out = gateway(home, "keys", "list", "--json")
    assert code == 0
    return {(row["party"], row["slot"]): row["state"] for row in json.loads(out)["keys"] if row["profile"] == "openpgp"}


class Stock:
    """A partner's own gpg."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self.home = home

    def run(self, *words: str, data: bytes = b"") -> bytes:
        return subprocess.run(
            ["gpg", "--batch", "--no-tty", "--quiet", *words],
            input=data,
            env={**os.environ, "GNUPGHOME": str(self.home), "LC_ALL": "C"},
            capture_output=True,
            check=True,
        ).stdout

    def generate(self, name: str, expires: str, *more: str) -> str:
        text = (
            "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\nSubkey-Type: ECDH\nSubkey-Curve: cv25519\n"
            f"Subkey-Usage: encrypt\nName-Real: {name}\nExpire-Date: {expires}\n%no-protection\n%commit\n"
        )
        status = self.run(*more, "--status-fd", "1", "--gen-key", data=text.encode()).decode()
        return next(line.split()[3] for line in status.splitlines() if "KEY_CREATED" in line)

    def public(self, fingerprint: str, file: Path) -> Path:
        file.write_bytes(self.run("--armor", "--export", fingerprint))
        return file

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "gpg-agent"], check=False)


@pytest.fixture
def stock() -> Iterator[Stock]:
    folder = Path(tempfile.mkdtemp(prefix="gk"))
    made = Stock(folder / "h")
    yield made
    made.close()
    shutil.rmtree(folder)


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    node = Daemon(home)
    yield node
    node.close()


def four_eyes(home: Path, partners: Partners) -> None:
    """The inflow asks for two people; li and zhao are they."""
    file = home / "config/agreements" / f"{INFLOW}.toml"
    text = re.sub(r"^four_eyes = false", "four_eyes = true", file.read_text("utf-8"), flags=re.MULTILINE)
    file.write_text(text, "utf-8")
    for folder in ("config/people", "keys/people"):
        (home / folder).mkdir()
    for person, code in (("li", "12"), ("zhao", "13")):
        (home / f"config/people/{person}.toml").write_text(
            f'id = "{person}"\nkey = "{partners[code].fingerprint}"\n', "utf-8"
        )
        (home / f"keys/people/{person}.asc").write_bytes(partners[code].public_key())


def test_an_expired_key_waits_in_sight_until_it_is_changed_and_two_people_release(
    home: Path, daemon: Daemon, partners: Partners, stock: Stock, tmp_path: Path
) -> None:
    """One story: a partner's key has run out. What is for it waits with 707 and is seen to; a next key mends it; the
    overlap ends; two people release what was sealed; a revocation is in the log."""
    four_eyes(home, partners)
    old = stock.generate("old", "1y", "--faked-system-time=20240101T000000!")
    code, out = gateway(
        *(home, "keys", "import", stock.public(old, tmp_path / "old.asc")),
        *("--party", HUBEI, "--fingerprint", old, "--json"),
    )
    assert (code, json.loads(out)["fingerprint"]) == (0, old)
    assert states(home)[HUBEI, "present"] == "expired"
    assert gateway(home, "keys", "check")[0] == 1

    daemon.start()
    daemon.drop(planned(240))
    (parcel,) = daemon.await_parcels(1, lambda p: p["code"] == "707")
    assert (parcel["state"], parcel["posted_at"]) == ("sorted", "")
    assert daemon.get("status")["counts"]["packages"] == {}, "nothing of a parcel is sealed before everything can be"
    code, out = gateway(home, "status")
    assert "[707] ×1" in out
    assert f"■ 密钥 / key {HUBEI} …{old[-16:]}" in out
    view = daemon.get("view")
    assert [(s["code"], s["blame"]) for s in view["stopped"]] == [("707", "deferred")]
    assert HUBEI in {key["party"] for key in view["keys"]}

    new = stock.generate("new", "2y")
    arguments = ("keys", "import", stock.public(new, tmp_path / "new.asc"), "--party", HUBEI, "--fingerprint", new)
    assert gateway(home, *arguments, "--from", "2026-10-01")[0] == 0
    found = states(home)
    assert (found[HUBEI, "present"], found[HUBEI, "next"]) == ("expired", "ok")
    assert gateway(home, "config", "reload")[0] == 0
    assert gateway(home, "parcels", "retry", parcel["id"])[0] in (0, 1)  # the sweep may have come first
    daemon.await_settled(1)
    (package,) = (home / "state/sealed").rglob(f"*_{HUBEI}_*.gpg")
    assert (
        b"gateway:package_id"
        in subprocess.run(
            ["sh", "-c", 'gpg --batch --quiet --trust-model always -d "$0" | zstd -dc', str(package)],
            env={**os.environ, "GNUPGHOME": str(stock.home)},
            capture_output=True,
            check=False,
        ).stdout
    )
    code, out = gateway(home, "keys", "rotate", "--finish", "--party", HUBEI)
    assert (code, out.strip()) == (0, new)
    assert states(home)[HUBEI, "present"] == "ok"
    assert gateway(home, "keys", "check")[0] == 0

    released_by_two(home, daemon, partners, tmp_path)

    assert gateway(home, "keys", "revoke", "--party", HUBEI, "--fingerprint", new)[0] == 2, "not without --yes"
    assert gateway(home, "keys", "revoke", "--party", HUBEI, "--fingerprint", old, "--yes")[0] == 3, "not its key"
    assert gateway(home, "keys", "revoke", "--party", HUBEI, "--fingerprint", new, "--yes")[0] == 0
    assert states(home)[HUBEI, "present"] == "revoked"
    assert gateway(home, *arguments)[0] == 1, "a revoked key is not pinned again (219)"
    assert gateway(home, "config", "reload")[0] == 0
    changed = [e for e in entries(daemon) if e["event"] == "key_changed" and e["parties"] == [HUBEI]]
    assert [sorted(e["digests"].items()) for e in changed] == [
        [("pinned_0", new.lower())],
        [("dropped_0", min(old, new).lower()), ("dropped_1", max(old, new).lower())],
    ], "the reload brought the next key; the last one took both, since the overlap had ended besides"


def released_by_two(home: Path, daemon: Daemon, partners: Partners, tmp_path: Path) -> None:
    def release(*more: object) -> tuple[int, str]:
        return gateway(home, "parcels", "release", "--agreement", INFLOW, "--period", PERIOD, *more)

    request = tmp_path / "request.json"
    code, out = release("--request", request, "--json")
    assert (code, json.loads(out)["released"]) == (0, False)
    signed = {}
    for person, number in (("li", "12"), ("zhao", "13"), ("nobody", "14")):
        signed[person] = tmp_path / f"{person}.sig"
        partner = ["gpg", "--batch", "--quiet", "-u", partners[number].fingerprint, "-o", str(signed[person])]
        environment = {**os.environ, "GNUPGHOME": str(partners.home)}
        subprocess.run([*partner, "--detach-sign", str(request)], env=environment, check=True)
    for few in (["li"], ["li", "li"], ["li", "nobody"]):
        assert release(*[word for person in few for word in ("--sign", signed[person])])[0] == 1
    assert daemon.get("status")["counts"]["packages"].keys() == {"held"}
    assert release("--sign", signed["li"], "--sign", signed["zhao"])[0] == 0
    daemon.await_counts("deliveries", "delivered", 1)
    released = [e for e in entries(daemon) if e["event"] == "released"]
    assert released
    assert {e["actor"] for e in released} == {"person:li + person:zhao"}


def entries(daemon: Daemon) -> list[dict[str, Any]]:
    ledger = Ledger(wiring.database_url(daemon.facts))
    try:
        with ledger.reading() as reading:
            return [json.loads(entry.body) for entry in reading.entries.after()]
    finally:
        ledger.close()


def test_our_own_keys_from_the_first_to_the_next(home: Path, tmp_path: Path) -> None:
    """generate, export, rotate, finish, revoke, in both profiles, and what each refuses."""
    private = home / "private"
    old = keyring.own_fingerprint(private)
    tomorrow = keyring.today().isoformat()
    assert gateway(home, "keys", "generate")[0] == 3, "there is a key"
    for words in (["rotate"], ["rotate", "--finish", "--from", tomorrow], ["rotate", "--from", "tomorrow"]):
        assert gateway(home, "keys", *words)[0] == 2
    assert gateway(home, "keys", "rotate", "--finish")[0] == 3, "there is no next key"
    assert gateway(home, "keys", "export", "--next")[0] == 3
    code, out = gateway(home, "keys", "rotate", "--from", "2099-01-01")
    new = out.strip()
    assert code == 0
    assert keyring.own_fingerprint(private) == old, "not before its day"
    shown = tmp_path / "shown.asc"
    for words, fingerprint in ((["export"], old), (["export", "--next"], new)):
        code, out = gateway(home, "keys", *words)
        assert code == 0
        shown.write_text(out)
        assert [key.fingerprint for key in keyring.info(shown)] == [fingerprint]
        assert not any(key.secret for key in keyring.info(shown))
    code, out = gateway(home, "keys", "rotate", "--finish")
    assert (code, out.split()) == (0, [new])
    assert keyring.own_fingerprint(private) == new
    assert gateway(home, "keys", "revoke", "--fingerprint", old, "--yes")[0] == 3, "a former key is no pin any more"
    code, out = gateway(home, "keys", "revoke", "--fingerprint", new, "--yes")
    shown.write_text(out)
    assert code == 0
    assert [key.revoked for key in keyring.info(shown)] == [True]
    assert states(home)["000000", "present"] == "revoked"

    assert gateway(home, "keys", "export", "--profile", "sm")[0] == 3
    assert gateway(home, "keys", "rotate", "--profile", "sm", "--from", "2099-01-01")[0] == 3, "no first key yet"
    first = gateway(home, "keys", "generate", "--profile", "sm")[1].strip()
    assert gateway(home, "keys", "generate", "--profile", "sm")[0] == 3
    second = gateway(home, "keys", "rotate", "--profile", "sm", "--from", "2099-01-01")[1].strip()
    for words, fingerprint in ((["export"], first), (["export", "--next"], second)):
        code, out = gateway(home, "keys", *words, "--profile", "sm")
        assert code == 0
        printed = subprocess.run(
            ["sh", "-c", "openssl pkey -pubin -outform DER | openssl dgst -sm3 -r"],
            input=out.encode(),
            capture_output=True,
            check=True,
        ).stdout
        assert printed.split()[0].decode() == fingerprint, "as the partner's openssl prints it"
    assert gateway(home, "keys", "rotate", "--finish")[1].split() == [second]
    assert gateway(home, "keys", "export", "--profile", "sm")[1] == out
