"""The ledger: state, log entries and what waits to be told, written in one transaction."""

from gateway.adapters.ledger.availability import LedgerAway
from gateway.adapters.ledger.engine import make_engine, migrate
from gateway.adapters.ledger.hold import Hold
from gateway.adapters.ledger.ledger import Ledger
from gateway.adapters.ledger.transaction import Reading, Transaction

__all__ = ["Hold", "Ledger", "LedgerAway", "Reading", "Transaction", "make_engine", "migrate"]
