"""Tokens of a time-stamping authority over what was signed: asked for over HTTP, judged, kept in the archive."""

from __future__ import annotations

import urllib.request
from datetime import datetime
from pathlib import Path
from time import time

from gateway import durable
from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing.witnesses import write_archive
from gateway.log import timestamps
from gateway.log.note import Note
from gateway.log.timestamps import Authorities, BadToken
from gateway.log.verification.signatures import TOLERANCE

SECONDS, LARGEST = 20, 1 << 20


def stamp(ledger: Ledger, log: Path, url: str, authorities: Authorities) -> tuple[int, datetime]:
    """Ask an authority for a token over the newest signed checkpoint; keep it. Answers size and time; those of the last
    token where nothing was signed since. Raises `OSError` when the authority is away, `BadToken` when what it says is
    not a token over it, `LookupError` without a checkpoint."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("an authority is asked over HTTP")
    with ledger.published() as tables:
        signed, last = tables.signed(), tables.last_timestamp()
    if signed is None:
        raise LookupError("no checkpoint was signed yet")
    if last is not None and last[0] == signed.size:
        return last
    text = Note.parse(signed.note).text.encode()
    headers = {"Content-Type": "application/timestamp-query"}
    asked = urllib.request.Request(url, timestamps.request(text), headers)  # noqa: S310 - the scheme was checked
    with urllib.request.urlopen(asked, timeout=SECONDS) as reply:  # noqa: S310
        token = reply.read(LARGEST)
    moment = timestamps.judge(token, text, authorities)
    if moment.timestamp() > time() + TOLERANCE:
        raise BadToken("it is of the future")
    with ledger.publishing() as tables:
        tables.add_timestamp(signed.size, moment, token)
        lines = tables.cosignatures(signed.size)
    archived = write_archive(log, signed.size, signed.note, lines)
    durable.write_bytes(archived.with_name(f"{archived.name}.tsr"), token, 0o640)
    return signed.size, moment
