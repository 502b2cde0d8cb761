"""Keys in the life of a node: warnings ahead of their end, overlaps, a revocation, an agreement of profile `sm`."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.nodes import PERIOD, Node, pin, planned
from test_kinds import due, held

from gateway import key_trial
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.key_health import key_states
from gateway.adapters.sealing.keyring import pinning
from gateway.adapters.sealing.sm import SM, Pin, Software
from gateway.adapters.sealing.sm import keys as sm_keys
from gateway.corridors.distribution import Acknowledging, Delivery, Releasing
from gateway.corridors.upkeep import keywatch
from gateway.corridors.views.status import view
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW
from gateway.outcomes import Ok

SOME = "330000"


def logged(node: Node, event: str) -> list[dict]:
    with node.running.ledger.reading() as reading:
        return [json.loads(e.body) for e in reading.entries.after() if e.event == event]


def test_warned_once_at_each_step(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The partners' keys, made today for two years, end on one day: walk towards it."""
    facts = node.facts
    (key,) = [k for k in key_states(facts, node.running.clock.now(), private=False) if k.party == SOME]
    assert key.expires is not None
    told = []
    for ahead in (61, 60, 45, 30, 8, 7, 6, 1, -1, -2):
        now = key.expires - timedelta(days=ahead, hours=1)
        node.running = replace(node.running, clock=Standing(now))
        for _ in range(2):
            keywatch.warn(node.running)
        mine = [e for e in logged(node, "key_expiring") if e["parties"] == [SOME]]
        told.append((ahead, [e["counts"]["step"] for e in mine]))
        listed = [k for k in view(node.running, PERIOD, None).keys if k.party == SOME]
        assert bool(listed) == (ahead <= 60)
    assert [len(steps) for _, steps in told] == [0, 1, 1, 2, 2, 3, 3, 3, 4, 4]
    assert told[-1][1] == [60, 30, 7, 0]
    pages = {p.stem.rpartition("_")[2]: p for p in node.party_folder("33", "回执").glob("密钥到期函_330000_*.html")}
    assert set(pages) == {"60", "30", "7", "0"}, "a letter for each, in the party's own folder"
    for step, said in (("60", "还有60天"), ("30", "还有30天"), ("7", "还有7天"), ("0", "现已过期")):
        text = pages[step].read_text("utf-8")
        assert key.fingerprint in text
        assert said in text
    own = list((node.home / "state/letters").glob("密钥到期函_000000_*.html"))
    assert len(own) == 4
    assert "gateway keys rotate" in own[0].read_text("utf-8"), "about our own key the operator is told"


class Standing:
    """A clock that stands still."""

    def __init__(self, now) -> None:
        self._now = now

    def now(self):
        return self._now


def test_an_overlap_of_a_partners_keys(node: Node, partners: Partners, tmp_path: Path) -> None:
    """Sealed for the old key before the day, for the new one from it on; both sign; then the old one is nobody's."""
    parties, keys = node.home / "config/parties", node.home / "keys"
    file = tmp_path / "next.asc"
    file.write_bytes(partners["11"].public_key())  # any other key will do for a next one
    old, new = partners["33"].fingerprint, partners["11"].fingerprint
    today = node.running.clock.now().date()
    starts = today + timedelta(days=3)
    assert isinstance(keyring.import_partner(keys, parties, file, SOME, new, valid_from=starts), Ok)
    node.reopen()
    party = node.facts.parties[SOME]
    assert (party.pins("openpgp"), party.next.valid_from) == ((old, new), starts)
    assert party.sealing_key("openpgp", today) == old
    assert party.sealing_key("openpgp", starts) == new
    verify = lambda *given: node.running.verifier.verify(*given)  # noqa: E731 - of the node as it is then
    form = tmp_path / "form"
    form.write_bytes(b"form")
    by_old, by_new = (partners[code].acknowledge(form, tmp_path / code) for code in folders(tmp_path, "33", "11"))
    for signature in (by_old, by_new):
        assert verify(b"form", signature.read_bytes(), *party.pins("openpgp")) == Ok(None)
    assert keyring.end_overlap(keys, parties, SOME) == (new,)
    node.reopen()
    party = node.facts.parties[SOME]
    assert party.pins("openpgp") == (new,)
    assert verify(b"form", by_new.read_bytes(), *party.pins("openpgp")) == Ok(None)
    assert verify(b"form", by_old.read_bytes(), *party.pins("openpgp")).code == "211"
    assert not (keys / f"{SOME}.next.asc").exists()


def folders(base: Path, *names: str) -> list[str]:
    for name in names:
        (base / name).mkdir()
    return list(names)


def test_an_overlap_of_our_own_keys(node: Node, tmp_path: Path) -> None:
    """Both open what partners seal; we sign with the new one from its day on; revoked, it signs nothing."""
    private = node.home / "private"
    old = keyring.own_fingerprint(private)
    tomorrow = keyring.today() + timedelta(days=1)
    new = keyring.generate_next(private, "national", tomorrow)
    assert keyring.own_fingerprint(private) == old
    assert set(keyring.own_fingerprints(private)) == {old, new}
    with pytest.raises(keyring.KeyringError, match="finish"):
        keyring.generate_next(private, "national", tomorrow)
    (private / "next").write_text(f"{new} {keyring.today().isoformat()}\n")
    assert keyring.own_fingerprint(private) == new
    node.partners.trust(keyring.public_key(private, new))
    signature = node.running.sealer.sign(b"text")
    assert isinstance(signature, Ok)
    assert node.running.verifier.verify(b"text", signature.value, new) == Ok(None)
    assert node.running.verifier.verify(b"text", signature.value, old).code == "211"
    assert keyring.finish(private) == new
    assert keyring.own_fingerprints(private) == (new, old), "the former key still opens what is late"
    assert b"BEGIN PGP PUBLIC KEY" in keyring.revoke(private, new)
    refused = node.running.sealer.sign(b"text")
    assert (refused.code, refused.detail) == ("902", {"reason": "the node's key is revoked"})


def test_a_revoked_partner_waits_and_is_not_pinned_again(node: Node, partners: Partners) -> None:
    before = node.facts
    keyring.give_up(node.home / "config/parties", SOME, partners["33"].fingerprint)
    node.reopen()
    assert node.facts.parties[SOME].sealing_key("openpgp", date(2026, 10, 20)) is None
    row = node.send(planned(rows=40, party="44"))
    assert (row.state, row.code) == ("received", "707") if due(planned(rows=40, party="44"))[SOME] else True
    with pytest.raises(AssertionError):
        pin(node.home, partners, "33")  # 219
    keywatch.changed(node.running, before)
    (entry,) = logged(node, "key_changed")
    assert (entry["parties"], entry["digests"]) == ([SOME], {"dropped_0": partners["33"].fingerprint.lower()})


@pytest.mark.parametrize(
    "text",
    [
        'id = "x"\n',
        'id = "x"\nkey = "A" # old\n\n[channel]\nkind = "folder"\n',
        'id = "x"\n# key = "no"\n[next]\nvalid_from = 2026-01-01\nkey = "B"\n\n[[contacts]]\nname = "n"\n',
    ],
)
def test_pins_are_edited_and_nothing_else(text: str) -> None:
    made = pinning.edited(text, {"key": "C", "revoked": ["A"]}, {"valid_from": date(2026, 12, 1), "key": "D"})
    for line in text.splitlines():
        if line and not re.match(r"key|\[next\]|valid_from", line):
            assert line in made.splitlines()
    back = pinning.edited(made, {"key": None, "revoked": None}, {})
    assert "key =" not in back.replace("# key =", "")
    assert "[next]" not in back


def test_an_agreement_of_profile_sm(home: Path, partners: Partners, worker, tmp_path: Path) -> None:
    """Sealed with SM2 for every receiver, the list and the receipts signed with SM2, a signature with SM2 accepted."""
    file = home / "config/agreements" / f"{INFLOW}.toml"
    file.write_text(
        re.sub(r'^profile = "openpgp"', 'profile = "sm"', file.read_text("utf-8"), flags=re.MULTILINE), "utf-8"
    )
    theirs = {f"{code}0000": sm_keys.new() for code in partners}
    own = sm_keys.generate(home / "private")
    for party, key in {**{p: k.public for p, k in theirs.items()}, "000000": own}.items():
        pem = tmp_path / f"{party}.pem"
        pem.write_bytes(key.pem)
        until = date(2030, 1, 1)
        done = keyring.import_sm(
            home / "keys", home / "config/parties", pem, party, key.fingerprint, keyring.Days(until)
        )
        assert isinstance(done, Ok)
    node = Node(home, partners, worker)
    try:
        sent = planned(rows=20)
        assert node.send(sent).state == "accepted"
        expected, now_held = due(sent), held(node)
        assert now_held == expected
        ids = Releasing(node.running).release(INFLOW, PERIOD, 1, "test")
        receiver = sorted(expected)[0]
        (batch,) = [identity for identity, party in ids if party == receiver]
        assert Delivery(node.running).run(batch) == {"outcome": "ok", "code": ""}
        inbox = node.party_folder(receiver[:2], "接收", node.facts.agreements[INFLOW].label)
        (package,) = inbox.glob("*.sm.tar")
        stock = SM(Software([theirs[receiver]]), {own.fingerprint: Pin(home / "keys/000000.sm2.pem")})
        opened = stock.open(package, tmp_path / "opened", own.fingerprint)
        assert isinstance(opened, Ok), opened
        assert opened.value.descriptor.records == expected[receiver]
        (listing,) = [f for f in inbox.glob("*.json") if not f.name.endswith(".receipt.json")]
        signature = listing.with_name(f"{listing.name}.sig").read_bytes()
        assert stock.verify(listing.read_bytes(), signature, own.fingerprint) == Ok(None)
        receipt = next(node.party_folder("33", "回执", "机器读取").glob("*.receipt.json"))
        signature = receipt.with_name(f"{receipt.name}.sig").read_bytes()
        assert stock.verify(receipt.read_bytes(), signature, own.fingerprint) == Ok(None)
        (form,) = inbox.glob("*.receipt.json")
        made = Software([theirs[receiver]]).sign(form.read_bytes())
        assert node.running.verifier.verify(form.read_bytes(), made, *node.facts.parties[receiver].pins("sm")) == Ok(
            None
        )
        as_the_pages_say(node, theirs[receiver], own, receiver, tmp_path / "stock")
    finally:
        node.close()


def as_the_pages_say(node: Node, key: sm_keys.PrivateKey, own: sm_keys.PublicKey, receiver: str, folder: Path) -> None:
    """Every command on the page of the list, copied into a shell with openssl, zstd and tar; then the same for the page
    of a receipt. The signature that they make closes the batch."""
    label = node.facts.agreements[INFLOW].label
    shutil.copytree(node.party_folder(receiver[:2], "接收", label), folder)
    (folder / "own.pem").write_bytes(key.pem)
    (folder / "node.pub.pem").write_bytes(own.pem)
    (page,) = folder.glob("分发清单*.html")
    text = page.read_text("utf-8")
    assert not re.search(r"gpg|OpenPGP", text)
    assert own.fingerprint in text
    assert next(folder.glob("*.sm.tar")).name in text

    def shell(command: str, where: Path) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=where, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    pin, check, script, one, every, sign = (html.unescape(b) for b in re.findall(r"<pre>(.*?)</pre>", text, re.DOTALL))
    assert shell(pin, folder).startswith(own.fingerprint)
    assert "Verified OK" in shell(check, folder)
    shell(script, folder)
    packages = list(folder.glob("*.sm.tar"))
    changed = folder / f"x{packages[0].name}"
    with tarfile.open(packages[0]) as tar:
        at = tar.getmember("payload.sm4gcm").offset_data
    data = packages[0].read_bytes()
    changed.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert "Verified OK" in shell(one, folder)
    opened = Path(str(packages[0]).removesuffix(".sm.tar"))
    assert (opened / f"data/{INFLOW}.csv").exists()
    shutil.rmtree(opened)
    assert [line for line in shell(every, folder).splitlines() if line.startswith("✕")] == [f"✕ {changed.name}"]
    assert all((Path(str(p).removesuffix(".sm.tar")) / "datapackage.json").exists() for p in packages)
    shell(sign, folder)
    (signature,) = folder.glob("*.receipt.json.sig")
    shutil.copy(signature, node.party_folder(receiver[:2], "上报", "签收"))
    (claim,) = node.scan()
    assert Acknowledging(node.running).run(claim.parcel) == {"outcome": "ok", "code": ""}
    receipts = node.party_folder("33", "回执")
    (page,) = receipts.glob("*.html")
    (check,) = (html.unescape(b) for b in re.findall(r"<pre>(.*?)</pre>", page.read_text("utf-8"), re.DOTALL))
    shutil.copy(folder / "node.pub.pem", receipts / "机器读取")
    assert "Verified OK" in shell(check, receipts / "机器读取")


def test_a_trial_of_the_next_keys(node: Node, partners: Partners, tmp_path: Path) -> None:
    """Signed by our next key, opened with stock tools; who has signed the form is in the table, and nobody else."""
    private, own = node.home / "private", tmp_path / "own.asc"
    new = keyring.generate_next(private, "national", keyring.today() + timedelta(days=30))
    own.write_bytes(keyring.public_key(private, new))
    partners.trust(own.read_bytes())
    sent, lines = key_trial.send(node.facts, node.running.clock.now())
    assert {line.sent for line in lines} == {"100"}
    assert {(line.signer, line.answer) for line in lines} == {(new, "no")}
    assert {line.party[:2] for line in lines} == set(partners)
    inbox = node.party_folder("33", "接收", key_trial.FOLDER)
    (package,) = inbox.glob("*.gpg")
    opened = partners["33"].open(package, tmp_path / "opened")
    assert opened.signer == new
    assert opened.descriptor["gateway:agreement"] == key_trial.AGREEMENT
    (form,) = inbox.glob("*.form.json")
    assert (tmp_path / "opened/data/form.json").read_bytes() == form.read_bytes()
    partners["33"].acknowledge(form, node.party_folder("33", "上报", key_trial.FOLDER))
    other = next(node.party_folder("44", "接收", key_trial.FOLDER).glob("*.form.json"))
    partners["11"].acknowledge(other, node.party_folder("44", "上报", key_trial.FOLDER))
    found, lines = key_trial.answers(node.facts)
    assert found == sent
    told = {line.party: (line.answer, line.answered_by) for line in lines if line.answer != "no"}
    assert told == {SOME: ("yes", partners["33"].fingerprint), "440000": ("wrong", "")}
    assert node.scan() == [], "answers are no submissions"
