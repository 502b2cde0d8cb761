"""What the corridors and the daemon ask of the outside, and nothing else: each protocol has exactly the members that
they use. Real adapters are in `gateway.adapters`; mypy holds them to these protocols where `gateway.wiring` hands them
over, and `tests/ports` holds them to what is written here.

Codes are those of the catalogue (`gateway/codes.toml`). The ledger is no port: the corridors read and write its tables.
"""

from gateway.ports.clock import Clock
from gateway.ports.folders import Lying, Obstacle, PartyFolders
from gateway.ports.inbox import Copied, Inbox, Share, everything
from gateway.ports.seals import Opener, Received, Sealer, Verifier
from gateway.ports.sending import Courier, Message, Notices
from gateway.ports.storage import Storage
from gateway.ports.worker import AnyWorker, ExamineJob, Examiner

__all__ = [
    "AnyWorker",
    "Clock",
    "Copied",
    "Courier",
    "ExamineJob",
    "Examiner",
    "Inbox",
    "Lying",
    "Message",
    "Notices",
    "Obstacle",
    "Opener",
    "PartyFolders",
    "Received",
    "Sealer",
    "Share",
    "Storage",
    "Verifier",
    "everything",
]
