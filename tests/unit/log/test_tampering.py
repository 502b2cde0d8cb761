"""What must be caught. Every row shows the verifier passing on the good copy and failing on the tampered one, for the
reason given, and which tool this project did not write catches it too."""

from __future__ import annotations

import json
import shutil
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from support.auditors import (
    Authority,
    corrupt,
    ids_are_unique,
    openssl_accepts,
    openssl_accepts_cosignature,
    run,
    times_are_in_order,
)
from support.logs import START, Log, archive, make_log, put, rewrite, write_log

from gateway.instants import rfc3339
from gateway.log import Auditor, Report, tiles, timestamps, verify
from gateway.log.note import Checkpoint, Note, Signer, VerifierKey, read_checkpoint
from gateway.log.quorum import Policy

SAVED, SIZE = 700, 840
WITNESSED = START + timedelta(hours=1)
NOTHING = "0" * 64
BUNDLE = "tile/entries/000"
EDGE = f"tile/entries/003.p/{SIZE - 768}"


@dataclass
class Good:
    """The good log and what its auditor holds: a checkpoint saved earlier, keys of witnesses, receipts."""

    log: Log
    bodies: list[bytes]
    saved: Path
    witnesses: list[Signer]
    receipts: Path
    authority: Authority
    stranger: Signer

    @property
    def policy(self) -> Policy:
        lines = [f"witness w{i} {w.cosigner}" for i, w in enumerate(self.witnesses)]
        return Policy.parse("\n".join([*lines, "group both all w0 w1", "quorum both"]))

    def judge(self, folder: Path, *, key: VerifierKey | None = None, **changed: Any) -> Report:
        given: dict[str, Any] = {
            "since": [self.saved.read_bytes()],
            "policy": self.policy,
            "authorities": timestamps.Authorities.load(self.authority.certificates),
            "receipts": self.receipts,
        }
        return verify(folder, [key or self.log.key], **(given | changed))

    def cosigned(self, folder: Path, size: int, note: Note, time: datetime = WITNESSED) -> None:
        lines = [w.cosign(note.text, int(time.timestamp())) for w in self.witnesses]
        put(folder / "archive" / str(size), note.merged(lines).to_bytes())

    def resigned(self, folder: Path, bodies: list[bytes], signer: Signer | None = None) -> Checkpoint:
        """Put another history, signed by the log's own key, in place of the copy's; the archive goes."""
        shutil.rmtree(folder / "tile")
        shutil.rmtree(folder / "archive")
        return write_log(folder, bodies, signer or self.log.signer)

    def retold(self, folder: Path, change: Callable[[list[dict[str, Any]]], object], *, first: int = SAVED) -> None:
        """A history whole in itself that differs after the saved checkpoint, cosigned at its end: only the entries can
        give it away."""
        bodies = rewrite(self.bodies, change)
        assert bodies[:first] == self.bodies[:first]
        checkpoint = self.resigned(folder, bodies)
        self.cosigned(folder, checkpoint.size, checkpoint.signed([self.log.signer]))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Good:
    home = tmp_path_factory.mktemp("good")
    log = make_log(home, SAVED // 7)
    saved = home / "saved"
    shutil.copyfile(log.checkpoint, saved)
    log.grow(SAVED // 7, (SIZE - SAVED) // 7, START)
    witnesses = [Signer(f"w{i}.example", bytes([i + 1] * 32)) for i in range(2)]
    stranger = Signer("national", bytes([9] * 32))
    made = Good(log, log.bodies(), saved, witnesses, home / "回执", authority, stranger)
    for size in (SAVED, SIZE):
        note, _ = read_checkpoint(archive(log, size).read_bytes())
        made.cosigned(log.folder, size, note)
    text = read_checkpoint(log.checkpoint.read_bytes())[0].text.encode()
    put(log.folder / "archive" / f"{SIZE}.tsr", authority.reply(timestamps.request(text)))
    put(made.receipts / "r.receipt.json", rfc8785.dumps(receipt(made.bodies[4], 4)))
    return made


def receipt(body: bytes, seq: int) -> dict[str, Any]:
    """The receipt that rests on an `accepted` entry, as far as the log is concerned."""
    import hashlib

    entry = json.loads(body)
    assert entry["event"] == "accepted"
    counts = entry["counts"]
    return {
        "number": f"20261020-{seq:06d}",
        "parcel": entry["parcel"],
        "sender": entry["parties"][0],
        "sha256": entry["digests"]["content"],
        "counts": {
            "in": counts["records"], "accepted": counts["accepted"], "refused": counts["refused"],
            "out": {"44": counts["out_44"]},
        },
        "log": {"origin": "national", "seq": seq, "hash": hashlib.sha256(b"\0" + body).hexdigest()},
    }  # fmt: skip


def present() -> datetime:
    """The host's time: an authority made with OpenSSL stamps with nothing else."""
    return datetime.fromtimestamp(time.time(), UTC)


# -- what is done to the copy ------------------------------------------------------------------------------------------


def flip(name: str, at: int = 40) -> Callable[[Good, Path], None]:
    def change(_good: Good, folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[at] ^= 1
        (folder / name).write_bytes(bytes(data))

    return change


def edit_bundle(change: Callable[[list[bytes]], object], name: str = BUNDLE) -> Callable[[Good, Path], None]:
    def done(_good: Good, folder: Path) -> None:
        entries = tiles.unbundle((folder / name).read_bytes())
        change(entries)
        (folder / name).write_bytes(tiles.bundle(entries))

    return done


def swap(entries: list[Any]) -> None:
    entries[3], entries[4] = entries[4], entries[3]


def gone(name: str) -> Callable[[Good, Path], None]:
    return lambda _good, folder: (folder / name).unlink()


def longer(name: str, data: bytes) -> Callable[[Good, Path], None]:
    return lambda _good, folder: (folder / name).write_bytes((folder / name).read_bytes() + data)


def edited_entry(_good: Good, folder: Path) -> None:
    data = (folder / BUNDLE).read_bytes()
    assert b'"records":10' in data
    (folder / BUNDLE).write_bytes(data.replace(b'"records":10', b'"records":99', 1))


def edited_size(_good: Good, folder: Path) -> None:
    data = (folder / "checkpoint").read_text("utf-8")
    (folder / "checkpoint").write_text(data.replace(f"\n{SIZE}\n", f"\n{SIZE - 1}\n"), "utf-8")


def swapped_key(good: Good, folder: Path) -> None:
    _, checkpoint = read_checkpoint((folder / "checkpoint").read_bytes())
    put(folder / "checkpoint", checkpoint.signed([good.stranger]).to_bytes())


def other_log(good: Good, folder: Path) -> None:
    other = Signer("provincial", good.stranger.verifier.public)
    put(folder / "checkpoint", Checkpoint("provincial", SIZE, bytes(32)).signed([other]).to_bytes())


def rewritten(at: int) -> Callable[[Good, Path], None]:
    def change(good: Good, folder: Path) -> None:
        bodies = rewrite(good.bodies, lambda entries: entries[at].update(actor="somebody"))
        good.resigned(folder, bodies)

    return change


def fork_after(good: Good, folder: Path) -> None:
    """The end is told anew, and the archive shows what the witnesses saw of the first telling."""
    kept = (folder / "archive" / str(SIZE)).read_bytes()
    good.resigned(folder, rewrite(good.bodies, lambda entries: entries[SAVED + 5].update(actor="somebody")))
    put(folder / "archive" / str(SIZE), kept)


def rolled_back(good: Good, folder: Path) -> None:
    good.resigned(folder, good.bodies[: SAVED - 70])


def forged_cosignature(good: Good, folder: Path) -> None:
    path = folder / "archive" / str(SIZE)
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:-1], corrupt(lines[-1])]), "utf-8")


def future_cosignature(good: Good, folder: Path) -> None:
    note, _ = read_checkpoint((folder / "checkpoint").read_bytes())
    good.cosigned(folder, SIZE, note, datetime.fromtimestamp(4_000_000_000, UTC))


def stale_cosignature(good: Good, folder: Path) -> None:
    """The newest cosigned tree is hours behind the log's end."""

    def later(entries: list[dict[str, Any]]) -> None:
        for entry in entries[SAVED:]:
            entry["logged_at"] = rfc3339(START + timedelta(hours=9))
        entries[-1]["logged_at"] = rfc3339(START + timedelta(hours=12))

    good.resigned(folder, rewrite(good.bodies, later))
    good.cosigned(folder, SAVED, read_checkpoint(good.saved.read_bytes())[0])


def one_witness(good: Good, folder: Path) -> None:
    for path in (folder / "archive").glob("[0-9]*[0-9]"):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:-1]), "utf-8")


def retell(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Good, Path], None]:
    return lambda good, folder: good.retold(folder, change)


def force(at: int, **values: Any) -> Callable[[Good, Path], None]:
    def change(entries: list[dict[str, Any]]) -> None:
        entries[at]["!"] = values

    return retell(change)


def uncanonical(good: Good, folder: Path) -> None:
    bodies = list(good.bodies)
    bodies[-1] = bodies[-1].replace(b'","', b'", "', 1)
    checkpoint = good.resigned(folder, bodies)
    good.cosigned(folder, SIZE, checkpoint.signed([good.log.signer]))


def replayed(entries: list[dict[str, Any]]) -> None:
    entries[SAVED + 6]["id"] = entries[6]["id"]


def backwards(entries: list[dict[str, Any]]) -> None:
    entries[SAVED + 3]["logged_at"] = entries[SAVED + 3]["time"] = rfc3339(START)


def lying(entries: list[dict[str, Any]]) -> None:
    entries[SAVED + 3]["time"] = rfc3339(START + timedelta(hours=5))


def after_witness(entries: list[dict[str, Any]]) -> None:
    entries[-1]["logged_at"] = rfc3339(WITNESSED + timedelta(seconds=2))


def after_token(good: Good, folder: Path) -> None:
    """Entries that claim an hour when the authority had long stamped them."""

    def change(entries: list[dict[str, Any]]) -> None:
        entries[-1]["logged_at"] = rfc3339(present() + timedelta(days=2))

    checkpoint = good.resigned(folder, rewrite(good.bodies, change))
    note = checkpoint.signed([good.log.signer])
    good.cosigned(folder, SIZE, note, present() + timedelta(seconds=100))
    token = good.authority.reply(timestamps.request(note.text.encode()))
    put(folder / "archive" / f"{SIZE}.tsr", token)


def dated_back(good: Good, folder: Path) -> None:
    """The witnesses saw the saved tree hours after the hour that the entries above it claim."""
    good.resigned(folder, good.bodies)
    good.cosigned(folder, SAVED, read_checkpoint(good.saved.read_bytes())[0], WITNESSED + timedelta(hours=8))
    note, _ = read_checkpoint((folder / "checkpoint").read_bytes())
    good.cosigned(folder, SIZE, note, WITNESSED + timedelta(hours=9))


def dated_back_behind_a_token(good: Good, folder: Path) -> None:
    """The authority stamped the saved tree today, and what is above it claims to be of long ago."""
    text = read_checkpoint(good.saved.read_bytes())[0].text.encode()
    put(folder / "archive" / f"{SAVED}.tsr", good.authority.reply(timestamps.request(text)))


def foreign_token(good: Good, folder: Path) -> None:
    put(folder / "archive" / f"{SIZE}.tsr", good.authority.reply(timestamps.request(b"something else\n")))


def lost_records(entries: list[dict[str, Any]]) -> None:
    next(e for e in entries[SAVED:] if e["event"] == "sorted")["counts"]["440000"] -= 1


def unsealed_release(entries: list[dict[str, Any]]) -> None:
    entries[-1] |= {
        "event": "released", "id": "d-1/released", "parcel": "d-1", "counts": {"packages": 1, "records": 3},
        "digests": {"migrants-inflow_110000_440000_2026Q3_r1_00000000": "f" * 64},
    }  # fmt: skip


def excused(entries: list[dict[str, Any]]) -> None:
    """An operator who lies about times would like to be excused from covering times."""
    for at, counts in ((-2, {}), (-1, {"rehearsal": 1})):
        entries[at] |= {"event": "node_started", "id": f"node/{at}", "parcel": "", "package": "", "counts": counts}


def not_erased(entries: list[dict[str, Any]]) -> None:
    at = next(i for i, e in enumerate(entries) if i >= SAVED and e["event"] == "erased")
    entries[at] |= {"event": "retried", "id": f"{entries[at]['parcel']}/retried/1"}
    for entry in entries[at + 40 :]:
        entry["logged_at"] = rfc3339(START + timedelta(days=3))


def spare(entries: list[dict[str, Any]]) -> int:
    """An entry that no parcel's story needs."""
    return next(i for i, e in enumerate(entries) if i >= SAVED and e["event"] == "obligation_met")


def kept_too_long(event: str, days: int) -> Callable[[list[dict[str, Any]]], None]:
    """Something settled that names the days it is kept, and no erasure; the log goes on for three days and more."""

    def change(entries: list[dict[str, Any]]) -> None:
        at = spare(entries)
        entries[at] |= {"event": event, "id": f"x/{event}", "parcel": "x", "counts": {"keep_days": days}}
        for entry in entries[at + 40 :]:
            entry["logged_at"] = rfc3339(START + timedelta(days=3, hours=1))

    return change


def another_receipt(entries: list[dict[str, Any]]) -> None:
    changed = {
        "event": "receipt_issued",
        "id": "receipt/20261020-000004",
        "counts": {},
        "digests": {"receipt": "0" * 64},
    }
    entries[spare(entries)] |= changed


def altered_receipt(**values: Any) -> Callable[[Good, Path], None]:
    def change(good: Good, folder: Path) -> None:
        put(folder.parent / "回执" / "r.receipt.json", rfc8785.dumps(receipt(good.bodies[4], 4) | values))

    return change


def renamed(seq: int) -> Callable[[Good, Path], None]:
    return altered_receipt(log={"origin": "national", "seq": seq, "hash": NOTHING})


# -- the table ---------------------------------------------------------------------------------------------------------

GO, GO_SAVED, OPENSSL, COSIGNED, TOKEN, UNIQ, SORT, NONE = (
    "go",
    "go+saved",
    "openssl",
    "cosigned",
    "token",
    "uniq",
    "sort",
    "",
)

CASES: dict[str, tuple[Callable[[Good, Path], None], str, tuple[str, ...]]] = {
    "an entry edited": (edited_entry, "root", (GO,)),
    "an entry deleted": (edit_bundle(lambda e: e.pop(5)), "structure", (GO,)),
    "entries reordered": (edit_bundle(swap), "tile", (GO,)),
    "an entry duplicated": (edit_bundle(lambda e: e.__setitem__(5, e[4])), "id", (GO, UNIQ)),
    "a tile edited": (flip("tile/0/000"), "tile", (GO,)),
    "an upper tile edited": (flip("tile/1/000.p/3"), "tile", (GO,)),
    "a tile at the edge edited": (flip(f"tile/0/003.p/{SIZE - 768}"), "tile", (GO,)),
    "a tile missing": (gone("tile/0/001"), "structure", (GO,)),
    "an upper tile missing": (gone("tile/1/000.p/3"), "structure", (GO,)),
    "a bundle missing": (gone("tile/entries/001"), "structure", (GO,)),
    "an entry too many in a bundle": (longer(BUNDLE, struct.pack(">H", 2) + b"{}"), "structure", (GO,)),
    "rubbish after a bundle": (longer(BUNDLE, b"\xff\xff\xff"), "structure", (GO,)),
    "rubbish after a tile": (longer("tile/0/000", bytes(32)), "structure", (GO,)),
    "the tail cut off": (edit_bundle(lambda e: e.pop(), EDGE), "structure", (GO,)),
    "the tail's tile cut off": (gone(EDGE), "structure", (GO,)),
    "the size edited": (edited_size, "signature", (GO, OPENSSL)),
    "the key swapped": (swapped_key, "signature", (GO, OPENSSL)),
    "another log's checkpoint": (other_log, "signature", (GO, OPENSSL)),
    "history rewritten and signed anew": (rewritten(3), "consistency", (GO_SAVED,)),
    "a fork before the saved checkpoint": (rewritten(SAVED - 1), "consistency", (GO_SAVED,)),
    "a fork after the saved checkpoint, witnessed": (fork_after, "consistency", (GO_SAVED,)),
    "rolled back to an old backup": (rolled_back, "rollback", (GO_SAVED,)),
    "a cosignature forged": (forged_cosignature, "cosignature", (COSIGNED,)),
    "a cosignature from the future": (future_cosignature, "cosignature", ()),
    "cosignatures gone stale": (stale_cosignature, "freshness", ()),
    "too few witnesses": (one_witness, "quorum", ()),
    "an id replayed": (retell(replayed), "id", (UNIQ,)),
    "a time that goes backwards": (retell(backwards), "logged_at", (SORT,)),
    "logged before it happened": (retell(lying), "time", ()),
    "later than the cosignature that covers it": (retell(after_witness), "covering", ()),
    "later than the token that covers it": (after_token, "covering", ()),
    "dated back behind a cosignature": (dated_back, "backdated", ()),
    "dated back behind a token": (dated_back_behind_a_token, "backdated", ()),
    "a token over something else": (foreign_token, "timestamp", (TOKEN,)),
    "a token edited": (flip(f"archive/{SIZE}.tsr", -20), "timestamp", (TOKEN,)),
    "a number left out": (force(SAVED + 3, seq=SAVED + 4), "seq", ()),
    "a chain broken": (force(SAVED + 3, prev="0" * 64), "prev", ()),
    "an entry with spaces": (uncanonical, "canonical", ()),
    "a field too many": (force(SAVED + 3, note="x"), "format", ()),
    "a count that is text": (force(SAVED + 3, counts={"records": "3"}), "format", ()),
    "a date that is none": (force(SAVED + 3, time="2026-13-01T00:00:00.000000Z"), "format", ()),
    "records lost in sorting": (retell(lost_records), "conservation", ()),
    "a package released that was never sealed": (retell(unsealed_release), "conservation", ()),
    "a rehearsal in the log of a node in earnest": (retell(excused), "covering", ()),
    "plain records never erased": (retell(not_erased), "retention", ()),
    "a refused file kept past the days its entry names": (retell(kept_too_long("refused", 1)), "retention", ()),
    "packages kept past the days their entry names": (retell(kept_too_long("acknowledged", 1)), "retention", ()),
    "a receipt that is not the one issued": (retell(another_receipt), "receipt", ()),
    "a receipt for another entry": (renamed(5), "receipt", ()),
    "a receipt beyond the log": (renamed(9999), "receipt", ()),
    "a receipt with other counts": (altered_receipt(counts={"in": 1, "accepted": 1, "refused": 0}), "receipt", ()),
}  # fmt: skip


def accepted(tool: str, good: Good, folder: Path, sumdb: Path, scratch: Path) -> bool:
    """What an independent tool says of a copy."""
    match tool:
        case "go":
            return run(sumdb, "check", folder, good.log.key).returncode == 0
        case "go+saved":
            seen = folder / "archive" / str(SIZE)
            saved = seen if seen.exists() else good.saved
            return run(sumdb, "check", folder, good.log.key, saved).returncode == 0
        case "openssl":
            return openssl_accepts(folder / "checkpoint", good.log.key, scratch)
        case "cosigned":
            path = folder / "archive" / str(SIZE)
            return openssl_accepts_cosignature(path, good.witnesses[1].cosigner, scratch)
        case "token":
            text = read_checkpoint(good.log.checkpoint.read_bytes())[0].text.encode()
            return good.authority.accepts(folder / "archive" / f"{SIZE}.tsr", text, scratch)
        case "uniq":
            return ids_are_unique(folder)
        case "sort":
            return times_are_in_order(folder)
    raise AssertionError(tool)


@pytest.mark.parametrize("name", CASES)
def test_tampering_is_caught(name: str, good: Good, sumdb: Path, tmp_path: Path) -> None:
    change, check, tools = CASES[name]
    copy = tmp_path / "log"
    shutil.copytree(good.log.folder, copy)
    shutil.copytree(good.receipts, tmp_path / "回执")
    before = good.judge(copy, receipts=tmp_path / "回执")
    assert before.ok, before.problems
    assert before.size == SIZE
    for tool in tools:
        assert accepted(tool, good, copy, sumdb, tmp_path / "a"), f"{tool} refuses the good copy"

    change(good, copy)

    after = good.judge(copy, receipts=tmp_path / "回执")
    assert not after.ok
    assert check in after.counted, after.problems
    for tool in tools:
        assert not accepted(tool, good, copy, sumdb, tmp_path / "b"), f"{tool} takes the tampered copy"


@pytest.mark.parametrize("change", [rewritten(SAVED + 1), rolled_back], ids=["fork", "rollback"])
def test_without_witnesses_or_a_saved_checkpoint_it_says_what_it_cannot_see(
    change: Callable[[Good, Path], None], good: Good, tmp_path: Path
) -> None:
    shutil.copytree(good.log.folder, tmp_path / "log")
    change(good, tmp_path / "log")

    found = good.judge(tmp_path / "log", since=[], policy=None)

    assert found.ok
    assert any("cannot be seen" in english for _, english in found.notes)


def test_a_witness_that_was_slower_is_given_its_time(good: Good, tmp_path: Path) -> None:
    """A checkpoint carried by hand is cosigned hours later; the auditor who knows of it says so."""
    shutil.copytree(good.log.folder, tmp_path / "log")
    dated_back(good, tmp_path / "log")
    slow = Auditor(fresh_minutes=9 * 60).verify(tmp_path / "log", [good.log.key], policy=good.policy)
    assert slow.ok, slow.problems
    assert "backdated" in slow.done
    found = good.judge(tmp_path / "log")
    assert [(p.check, p.at) for p in found.problems if p.check == "backdated"] == [("backdated", f"seq {SAVED}")] * 2


def test_the_key_given_counts_and_not_that_of_a_policy(good: Good, tmp_path: Path) -> None:
    """The keeper signs another history with a key of its own, and hands out a policy that names it."""
    shutil.copytree(good.log.folder, tmp_path / "log")
    good.resigned(tmp_path / "log", good.bodies, good.stranger)
    policy = Policy.parse(f"log {good.stranger.verifier}\nquorum none")

    found = verify(tmp_path / "log", [good.log.key], policy=policy)

    assert found.counted == {"signature": 1}
    assert found.attested.keys == ()
    assert any(good.stranger.verifier.id.hex() in english for _, english in found.notes)
    by_policy = verify(tmp_path / "log", [], policy=policy)
    assert by_policy.attested.keys == (f"national+{good.stranger.verifier.id.hex()}",)


def test_only_the_tampered_entry_is_blamed(good: Good, tmp_path: Path) -> None:
    shutil.copytree(good.log.folder, tmp_path / "log")
    edited_entry(good, tmp_path / "log")

    found = good.judge(tmp_path / "log")

    assert {problem.check for problem in found.problems} == {
        "root", "tile", "prev", "conservation", "consistency", "quorum",
    }  # fmt: skip
    assert [p.at for p in found.problems if p.check == "tile"] == [BUNDLE.replace("entries", "0"), "tile/1/000.p/3"]


@pytest.mark.parametrize("event", ["refused", "acknowledged"])
def test_what_its_entry_lets_be_kept_is_no_problem(event: str, good: Good, tmp_path: Path) -> None:
    shutil.copytree(good.log.folder, tmp_path / "log")
    good.retold(tmp_path / "log", kept_too_long(event, 3))

    found = good.judge(tmp_path / "log")

    assert "retention" not in found.counted, found.problems
    assert "retention" in found.done
