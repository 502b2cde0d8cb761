"""The ledger: state, log entries and outbox, written in one transaction."""

from gateway.adapters.ledger.engine import make_engine, migrate
from gateway.adapters.ledger.ledger import Ledger
from gateway.adapters.ledger.transaction import Transaction

__all__ = ["Ledger", "Transaction", "make_engine", "migrate"]
