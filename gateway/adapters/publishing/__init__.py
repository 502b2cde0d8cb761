"""Publishing the exchange log: what the ledger holds becomes tiles and signed checkpoints that anyone can check."""

from gateway.adapters.publishing.keys import LogKeys, NoKey
from gateway.adapters.publishing.over_sftp import Mailbox
from gateway.adapters.publishing.publisher import Contradiction, NoSpace, PublicationFailed, Publisher, RolledBack
from gateway.adapters.publishing.witness import Behind, TwoHistories, Witness, evidence
from gateway.adapters.publishing.witnesses import POLICY, Witnesses, write_archive

__all__ = [
    "POLICY",
    "Behind",
    "Contradiction",
    "LogKeys",
    "Mailbox",
    "NoKey",
    "NoSpace",
    "PublicationFailed",
    "Publisher",
    "RolledBack",
    "TwoHistories",
    "Witness",
    "Witnesses",
    "evidence",
    "write_archive",
]
