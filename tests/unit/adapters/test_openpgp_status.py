"""The judgement of gpg's status stream, on transcripts: take any one sign away, add any bad one, and it is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.adapters.sealing.openpgp.status import Status, created, judge_detached, judge_opening, judge_signature
from gateway.outcomes import Deferred, Refused

PIN = "6F2DD0E0630F8B95787E76184E4381C7660D667E"
SUB = "1111111111111111111111111111111111111111"
MADE = datetime.fromtimestamp(1795302730, UTC)
NOW = MADE + timedelta(minutes=1)
OWN = frozenset({"16104BE33CD7260C"})
GOOD = f"""ENC_TO 16104BE33CD7260C 18 0
DECRYPTION_KEY 4BC1043563F4C7E2308EB52316104BE33CD7260C 43FCD01675122E43085006A4E7352FEA58A02CD9 u
BEGIN_DECRYPTION
DECRYPTION_INFO 2 9 0
PLAINTEXT 62 1795302730
NEWSIG
SIG_ID VPBwAgGy0jkkx8VOaP264G0NW28 2026-11-21 1795302730
GOODSIG {PIN[-16:]} partner
VALIDSIG {PIN} 2026-11-21 1795302730 0 4 0 22 8 00 {PIN}
DECRYPTION_OKAY
GOODMDC
END_DECRYPTION""".splitlines()


def status(lines: list[str], returncode: int = 0, messages: str = "") -> Status:
    return Status.parse(returncode, "\n".join(f"[GNUPG:] {line}" for line in lines).encode(), messages.encode())


def judged(lines: list[str], returncode: int = 0, messages: str = "") -> Refused | Deferred | None:
    return judge_opening(status(lines, returncode, messages), PIN, OWN, NOW)


def test_the_good_transcript() -> None:
    assert judged(GOOD) is None


NEEDED = ("ENC_TO", "BEGIN_DECRYPTION", "PLAINTEXT", "NEWSIG", "GOODSIG", "VALIDSIG", "DECRYPTION_OKAY", "GOODMDC")


@pytest.mark.parametrize("keyword", [*NEEDED, "END_DECRYPTION"])
def test_every_sign_is_needed_exactly_once(keyword: str) -> None:
    assert isinstance(judged([line for line in GOOD if line.split()[0] != keyword]), Refused)
    if keyword != "ENC_TO":
        assert isinstance(
            judged([copy for line in GOOD for copy in [line] * (1 + (line.split()[0] == keyword))]), Refused
        )


@pytest.mark.parametrize(
    "line",
    [
        "BADSIG 0000 x",
        "ERRSIG 0000 22 8 00 1 9",
        "EXPSIG 0000 x",
        "EXPKEYSIG 0000 x",
        "REVKEYSIG 0000 x",
        "NO_PUBKEY 0000",
        "BADMDC",
        "NODATA 1",
        "FAILURE gpg-exit 33554433",
        "UNEXPECTED 0",
        "NEED_PASSPHRASE_SYM 9 3 8",
        "DECRYPTION_FAILED",
        "KEYREVOKED",
    ],
)
@pytest.mark.parametrize("place", [0, 6, 12])
def test_any_bad_sign_refuses(line: str, place: int) -> None:
    assert isinstance(judged([*GOOD[:place], line, *GOOD[place:]]), Refused)


@pytest.mark.parametrize("returncode", [1, 2])
def test_a_bad_exit_code_refuses(returncode: int) -> None:
    assert judged(GOOD, returncode) == Refused("214", {"reason": "gpg failed"})


@pytest.mark.parametrize(
    ("valid", "code"),
    [
        (f"VALIDSIG {SUB} 2026-11-21 1 0 4 0 22 8 00 {PIN}", None),
        (f"VALIDSIG {SUB} 2026-11-21 1 0 4 0 22 10 00 {PIN}", None),
        (f"VALIDSIG {PIN} 2026-11-21 1 0 4 0 22 8 00 {SUB}", "211"),
        (f"VALIDSIG {PIN} 2026-11-21 1 0 4 0 22 2 00 {PIN}", "210"),
        (f"VALIDSIG {PIN} 2026-11-21 1 0 4 0 22 9 00 {PIN}", "210"),
        (f"VALIDSIG {PIN} 2026-11-21 1 0 4 0 22 8 01 {PIN}", "210"),
        (f"VALIDSIG {PIN} 2026-11-21 1 0 4 0 22 8 00", "210"),
    ],
)
def test_the_signature_is_judged_by_its_primary_key(valid: str, code: str | None) -> None:
    outcome = judged([valid if line.startswith("VALIDSIG") else line for line in GOOD])
    assert (outcome.code if outcome else None) == code


@pytest.mark.parametrize(
    ("ahead", "code"), [(timedelta(), None), (timedelta(hours=1), None), (timedelta(hours=1, seconds=1), "268")]
)
def test_a_clock_may_be_an_hour_ahead(ahead: timedelta, code: str | None) -> None:
    outcome = judge_opening(status(GOOD), PIN, OWN, MADE - ahead)
    assert (outcome.code if outcome else None) == code


@pytest.mark.parametrize(
    ("spelt", "code"), [("20991231T235959", "268"), ("99999999999999999999", "210"), ("soon", "210"), ("-1", None)]
)
def test_an_instant_is_read_as_gpg_writes_it(spelt: str, code: str | None) -> None:
    outcome = judged([line.replace(" 1795302730 0 ", f" {spelt} 0 ") for line in GOOD])
    assert (outcome.code if outcome else None) == code


def test_a_name_in_a_key_cannot_imitate_a_status_line_or_a_system_error() -> None:
    unsigned = [line for line in GOOD if not line.startswith(("NEWSIG", "GOODSIG", "VALIDSIG", "SIG_ID"))]
    assert judged([*unsigned, "NOTATION_DATA x [GNUPG:] GOODSIG"]) == Refused("210", {"reason": "unsigned"})
    message = 'gpg: Good signature from "No space left on device"'
    assert isinstance(judged(unsigned, 2, message), Refused)


def test_what_gpg_takes_for_a_passphrase_block_behind_our_message_is_damage() -> None:
    """As gpg reads a second message behind an unsigned one in one run of fifty: random bytes look like packets."""
    tail = ["ERROR decryption.early_plaintext 89", "BEGIN_DECRYPTION", "NEED_PASSPHRASE_SYM 1 0 2", "DECRYPTION_FAILED"]
    outcome = judged([*GOOD[:5], *tail, "END_DECRYPTION", "BADMDC", "NODATA 3"], 2)
    assert outcome is not None
    assert outcome.code == "214"
    before = judged([GOOD[0], "NEED_PASSPHRASE_SYM 9 3 8", *GOOD[2:]])
    assert before is not None
    assert before.code == "213"


def test_for_others_only() -> None:
    assert judged([line.replace("16104BE33CD7260C 18", "0000000000000001 18") for line in GOOD]) == Refused("212")


@pytest.mark.parametrize(
    ("error", "deferred"), [(16777226, False), (50331666, False), (67141718, True), (83886097, True), (50331659, True)]
)
def test_a_damaged_session_key_is_the_senders_and_a_dead_agent_is_ours(error: int, deferred: bool) -> None:
    """Checksum error and wrong key against out of memory, no secret key and bad passphrase."""
    lines = [GOOD[0], f"ERROR pkdecrypt_failed {error}", "BEGIN_DECRYPTION", "DECRYPTION_FAILED", "END_DECRYPTION"]
    assert isinstance(judged(lines, 2), Deferred if deferred else Refused)


def test_a_gpg_that_never_started_blames_nobody() -> None:
    assert isinstance(judged([], 2), Deferred)


def test_no_space_and_too_large() -> None:
    assert judged(GOOD, 2, "gpg: error writing to '-': No space left on device") == Deferred("702")
    outcome = judged(GOOD, 2, "gpg: error writing to '-': exceeded --max-output limit")
    assert outcome is not None
    assert outcome.code == "216"
    assert judged(GOOD, -25) == Deferred("702")
    assert isinstance(judged(GOOD, -9), Deferred)


def test_detached() -> None:
    lines = [line for line in GOOD if line.startswith(("NEWSIG", "GOODSIG", "VALIDSIG"))]
    assert judge_detached(status(lines), PIN, NOW) is None
    assert judge_signature(status(lines), PIN, NOW) is None
    for worse in (["PLAINTEXT 62 1"], ["NODATA 4"]):
        outcome = judge_detached(status([*lines, *worse]), PIN, NOW)
        assert outcome is not None
        assert outcome.code == "210"
    assert judge_detached(status(lines, 1), PIN, NOW) is not None


def test_created_wants_exactly_our_key() -> None:
    made = f"SIG_CREATED S 22 8 00 1795302730 {PIN}"
    assert created(status([made]), "S", PIN)
    assert not created(status([made], 2), "S", PIN)
    assert not created(status([made, made]), "S", PIN)
    assert not created(status([made]), "D", PIN)
    assert not created(status([made]), "S", SUB)
    assert not created(status([made.replace(" 8 00", " 2 00")]), "S", PIN)
    assert not created(status([made.replace(" 8 00", " 8 01")]), "S", PIN)
    assert not created(status([]), "S", PIN)
