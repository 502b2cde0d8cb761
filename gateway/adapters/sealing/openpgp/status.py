"""What gpg says on its status stream, and the judgement of it: pure, no process is started here.

gpg's own summary ("good signature", exit code 0) is not a judgement: it calls an unsigned message fine, reports the
last of two signatures and leaves plaintext behind a bad one. Here nothing is accepted that does not show every sign of
exactly one good signature by exactly the pinned key. Source of the keywords: GnuPG's `doc/DETAILS`.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.instants import CLOCKS_DIFFER, SHANGHAI
from gateway.outcomes import Deferred, Refused

PREFIX = "[GNUPG:] "
_HASHES = ("8", "10")  # SHA-256, SHA-512 (RFC 9580, 9.5)
_SPOILED_SIGNATURE = ("BADSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "KEYREVOKED", "KEYEXPIRED")
_SPOILED_MESSAGE = ("BADMDC", "NODATA", "FAILURE", "UNEXPECTED", "ERROR", "BADARMOR", "TRUNCATED")
_NO_SPACE = ("No space left on device", "File too large", "Disk quota exceeded")
_NOT_DETACHED = "not a detached signature"
_TOO_LARGE = "exceeded --max-output limit"
AGENT_RETRY = 5.0
# libgpg-error codes that are about us, not about the message: no secret key, agent missing, agent error, time-out,
# cancelled, bad passphrase, end of file; every system error (memory, pipe) is 0x8000 and above.
_OUR_ERRORS = frozenset({11, 17, 62, 77, 78, 99, 16383})
_QUOTED = re.compile(r'"[^"\n]*"')


@dataclass(frozen=True, slots=True)
class Status:
    """One run of gpg: its exit code, its status lines as (keyword, arguments), its messages in the C locale.

    Names out of keys stand quoted in the messages and are cut out of `messages`, so that no key's name can look like
    a system error.
    """

    returncode: int
    lines: tuple[tuple[str, tuple[str, ...]], ...]
    messages: str = ""

    @classmethod
    def parse(cls, returncode: int, status: bytes, messages: bytes = b"") -> Status:
        """Of what gpg wrote: lines without the status prefix are dropped, and so is what is quoted in messages."""
        lines = []
        for line in status.decode("utf-8", "replace").splitlines():
            words = line.removeprefix(PREFIX).split()
            if line.startswith(PREFIX) and words:
                lines.append((words[0], tuple(words[1:])))
        return cls(returncode, tuple(lines), _QUOTED.sub('""', messages.decode("utf-8", "replace")))

    def every(self, keyword: str) -> Iterator[tuple[str, ...]]:
        return (arguments for found, arguments in self.lines if found == keyword)

    def count(self, keyword: str) -> int:
        return sum(1 for found, _ in self.lines if found == keyword)

    @property
    def silent(self) -> bool:
        """gpg did not get as far as looking at its input: no home, no such option. Nobody's message is to blame."""
        return not self.lines and _NOT_DETACHED not in self.messages

    def any_of(self, keywords: Collection[str]) -> bool:
        return any(found in keywords for found, _ in self.lines)

    def before(self, keyword: str, other: str) -> bool:
        """Whether `keyword` was said, and `other` not yet when it was."""
        first = next((found for found, _ in self.lines if found in (keyword, other)), None)
        return first == keyword

    @property
    def no_space(self) -> bool:
        """A write failed for want of space. gpg goes on after it and even reports `SIG_CREATED` and `END_ENCRYPTION`;
        a file size limit kills it with a signal."""
        return self.returncode == -25 or any(text in self.messages for text in _NO_SPACE)

    @property
    def spent(self) -> bool:
        """The kernel ended it: it had worked longer than a message of this size may take."""
        return self.returncode == -signal.SIGXCPU

    @property
    def killed(self) -> bool:
        return self.returncode < 0


def created(status: Status, kind: str, fingerprint: str) -> bool:
    """Whether exactly one signature was made, of the wanted kind (`S` with a message, `D` detached), over binary data,
    with SHA-256 or SHA-512, by exactly this primary key. A `--default-key` would silently be replaced by another key:
    this is what notices."""
    made = list(status.every("SIG_CREATED"))
    return (
        status.returncode == 0
        and len(made) == 1
        and len(made[0]) >= 6
        and made[0][0] == kind
        and made[0][2] in _HASHES
        and made[0][3] == "00"
        and made[0][5] == fingerprint
    )


def judge_signature(status: Status, fingerprint: str, now: datetime) -> Refused | None:
    """None when the run shows exactly one good signature by the primary key `fingerprint`. Refused 211 where one good
    or unjudged signature names another key, 268 where it is good and says that it was made in the future, which gpg
    takes for none of its business; otherwise 210. `now` is the host's time, by which gpg judges keys as well."""
    if status.count("NEWSIG") != 1:
        return Refused("210", {"reason": "unsigned" if not status.any_of(("NEWSIG",)) else "several signatures"})
    if status.any_of(_SPOILED_SIGNATURE):
        return Refused("210", {"reason": "spoiled"})
    if status.any_of(("NO_PUBKEY", "ERRSIG")):
        return Refused("211", {"reason": "unknown signer"})
    valid = list(status.every("VALIDSIG"))
    if status.count("GOODSIG") != 1 or len(valid) != 1 or len(valid[0]) < 10:
        return Refused("210", {"reason": "not valid"})
    if valid[0][9] != fingerprint:
        return Refused("211", {"reason": "another signer"})
    if valid[0][7] not in _HASHES:
        return Refused("210", {"reason": "weak digest"})
    if valid[0][8] != "00":
        return Refused("210", {"reason": "not a signature over binary data"})
    made_at = _instant(valid[0][2])
    if made_at is None:
        return Refused("210", {"reason": "not valid"})
    if made_at > now + CLOCKS_DIFFER:
        return Refused("268", {"signed_at": f"{made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"})
    return None


def _instant(text: str) -> datetime | None:
    """An instant as gpg writes one: seconds since 1970, or `20260101T000000` for those beyond its own clock's reach."""
    try:
        if "T" in text:
            return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def judge_detached(status: Status, fingerprint: str, now: datetime) -> Refused | None:
    """`judge_signature` for a detached one: a whole signed message in its place brings a text of its own."""
    if status.any_of(("PLAINTEXT",)) or _NOT_DETACHED in status.messages:
        return Refused("210", {"reason": "not a detached signature"})
    judged = judge_signature(status, fingerprint, now)
    if judged is None and (status.returncode != 0 or status.any_of(_SPOILED_MESSAGE)):
        return Refused("210", {"reason": "not valid"})
    return judged


def judge_opening(
    status: Status, fingerprint: str, own_keys: Collection[str], now: datetime
) -> Refused | Deferred | None:
    """None when a sealed message was decrypted, whole and unchanged, for one of `own_keys` (long ids of our encryption
    keys), and holds exactly one good signature by the primary key `fingerprint`.

    Refused: 213 not encrypted to a key at all or not decryptable, 212 to others only, 216 over the limit, 263 more work
    than a message of its size may be, 214 damaged or more than one message, 210, 211 and 268 as in `judge_signature`.
    Deferred: 702 no space, 706 the agent.
    """
    if status.spent:
        return Refused("263", {"reason": "too much work"})
    if status.no_space:
        return Deferred("702")
    if status.silent:
        return Deferred("706", {"reason": "gpg did not start"}, AGENT_RETRY)
    if _TOO_LARGE in status.messages:
        return Refused("216", {"reason": "over the limit"})
    if status.killed and not status.every("ENC_TO"):
        return Deferred("706", {"reason": "gpg was killed"}, AGENT_RETRY)  # before it could say anything of the message
    recipients = [arguments[0] for arguments in status.every("ENC_TO") if arguments]
    if not recipients or status.before("NEED_PASSPHRASE_SYM", "BEGIN_DECRYPTION"):
        return Refused("213", {"reason": "not encrypted to a key"})
    if not any(recipient in own_keys for recipient in recipients):
        return Refused("212")
    if status.killed:
        return Deferred("706", {"reason": "gpg was killed"}, AGENT_RETRY)
    if status.count("BEGIN_DECRYPTION") == 0:
        return Refused("214", {"reason": "not whole"})
    if status.count("DECRYPTION_KEY") == 0:
        # Encrypted to us, and no session key came of it: the agent's trouble, unless what we hold is not a session key.
        errors = [int(a[1]) & 0xFFFF for a in status.every("ERROR") if a[:1] == ("pkdecrypt_failed",) and len(a) > 1]
        if all(error >= 0x8000 or error in _OUR_ERRORS for error in errors):
            return Deferred("706", {"reason": "no secret key"}, AGENT_RETRY)
        return Refused("214", {"reason": "the session key is damaged"})
    if status.count("DECRYPTION_OKAY") != 1 or status.count("GOODMDC") != 1 or status.any_of(("DECRYPTION_FAILED",)):
        if status.any_of(("EXPSIG",)) and not status.any_of(("BADMDC", "DECRYPTION_FAILED", "BADSIG")):
            # gpg stops at an expired signature, before it has looked at the rest.
            return Refused("210", {"reason": "spoiled"})
        return Refused("214", {"reason": "not whole"})
    if (
        # A passphrase asked for after the first message: gpg takes what follows it for another one.
        status.any_of((*_SPOILED_MESSAGE, "NEED_PASSPHRASE_SYM"))
        or status.count("BEGIN_DECRYPTION") != 1
        or status.count("END_DECRYPTION") != 1
        or status.count("PLAINTEXT") != 1
    ):
        return Refused("214", {"reason": "not one message"})
    judged = judge_signature(status, fingerprint, now)
    if judged is None and status.returncode != 0:
        return Refused("214", {"reason": "gpg failed"})
    return judged
