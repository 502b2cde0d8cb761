"""What a backup gathers stays what it was, whatever the node goes on to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.adapters.ledger import Ledger
from gateway.adapters.storage import backup
from gateway.adapters.storage.claims import Claims, Record
from gateway.parcels import AgreementId, ParcelId, PartyId

NOW = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
PARCEL = ParcelId("p" + "2" * 25)


def test_a_claim_erased_after_the_gathering_is_in_the_backup_still(tmp_path: Path) -> None:
    """The ledger in the backup knows the parcel as it was then; its journal is changed in place and so no link."""
    state = tmp_path / "state"
    claims = Claims(state / "spool")
    record = Record(PARCEL, PartyId("110000"), AgreementId("a"), "个案.csv", NOW, "京/上报/a", (1, 2, 3, 4))
    claims.write([record])
    claims.content(PARCEL).write_bytes(b"x")
    url = f"sqlite:///{state / 'ledger.db'}"
    ledger = Ledger(url)
    ledger.migrate()
    ledger.close()
    manifest = backup.Manifest("n", "2026-10-20T09:00:00+08:00", "", "sqlite", 0)
    gathered = backup.gather(manifest, url, tmp_path, state, tmp_path / "log")
    claims.mark_finished(PARCEL)
    claims.drop(PARCEL)
    kept = Claims(gathered / "state" / "spool")
    assert (kept.read(PARCEL), kept.is_finished(PARCEL)) == (record, False)
    assert kept.content(PARCEL).read_bytes() == b"x"
    assert claims.read(PARCEL) is None
