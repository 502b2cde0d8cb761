"""`gateway restore`: an archive becomes a node's folder again, marked as recovering; whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gateway import durable, wiring
from gateway.adapters.clock import SystemClock
from gateway.adapters.ledger import Ledger
from gateway.adapters.storage import backup
from gateway.daemon.recovering import MARKER
from gateway.instants import rfc3339
from gateway.policy import loading
from gateway.policy.facts import Facts


class NotRestored(Exception):
    """Why nothing was restored, for people."""


def restore(
    archive: Path,
    directory: Path,
    gnupg: Path | None = None,
    signer: Path | None = None,
    keys: Path | None = None,
) -> backup.Manifest:
    """Unpack `archive` into the new folder `directory`, and its database where the configuration says; `keys` of open
    inquiries lie beside the archives. Private keys and the parties' folders are not in it. Raises `NotRestored`."""
    directory = directory.absolute()
    if directory.is_symlink() or (directory.exists() and any(directory.iterdir())):
        raise NotRestored("the folder is not empty")
    durable.make_folder(directory.parent, 0o755)
    temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        with backup.opened(archive, gnupg, signer) as stream:
            manifest = backup.unpack(stream, temporary)
        found = backup.inquirykeys.read(keys, gnupg, signer, manifest.node) if keys else ()
        facts = _arrange(temporary, manifest)
        if found:
            _enter(facts, temporary, found)
        durable.publish(temporary, directory)
        _outside(facts, directory)
        return manifest
    except (backup.BadArchive, backup.DatabaseFailed) as error:
        raise NotRestored(str(error)) from None
    except OSError as error:
        raise NotRestored(error.strerror or type(error).__name__) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _arrange(home: Path, manifest: backup.Manifest) -> Facts:
    """Facts, state and log to where the configuration has them, as far as that is below the node's folder."""
    for folder in (home / "facts").iterdir():
        folder.rename(home / folder.name)
    (home / "facts").rmdir()
    facts = loading.load(home)
    state = home / "state"
    durable.make_folder(state / "spool")
    marked = {"restored_at": rfc3339(SystemClock().now()), "made_at": manifest.made_at, "entries": manifest.entries}
    durable.write_bytes(state / MARKER, json.dumps(marked).encode())
    backup.load(wiring.database_url(facts), home / "database", state)
    shutil.rmtree(home / "database")
    durable.make_folder(home / "log", 0o750)
    for wanted, there in ((facts.node.state, state), (facts.node.log, home / "log")):
        if not wanted.is_absolute() and home / wanted != there:
            durable.make_folder((home / wanted).parent)
            there.rename(home / wanted)
    if not facts.node.private.is_absolute():
        durable.make_folder(home / facts.node.private)
    return facts


def _enter(facts: Facts, home: Path, keys: Sequence[backup.inquirykeys.Key]) -> None:
    """Keys of inquiries that the archive knows of, into the ledger; others are of no use without their records."""
    url = wiring.database_url(facts)
    state = home / ("state" if facts.node.state.is_absolute() else facts.node.state)
    ledger = Ledger(f"sqlite:///{state / 'ledger.db'}" if url.startswith("sqlite") else url)
    try:
        ledger.migrate()
        with ledger.transaction(SystemClock().now()) as tx:
            tx.inquiries.enter_keys(keys)
    finally:
        ledger.close()


def _outside(facts: Facts, directory: Path) -> None:
    """State and log that the configuration has elsewhere: moved there, if nothing is there."""
    for wanted, name in ((facts.node.state, "state"), (facts.node.log, "log")):
        if wanted.is_absolute():
            if wanted.exists() and any(wanted.iterdir()):
                raise NotRestored(f"{name}: the folder of the configuration is not empty")
            durable.make_folder(wanted.parent)
            if wanted.exists():
                wanted.rmdir()
            shutil.move(directory / name, wanted)
