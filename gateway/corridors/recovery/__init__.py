"""After a restore: the ledger is older than what the world has seen. What the published log, the receipts and the
receivers' folders say since is taken over; nothing that was done is done again; the rest waits for a person.

`histories` finds the newest log and what else was published, `replay` takes its entries over, `open_items` lists what
they leave open and carries out what a person decides.
"""

from gateway.corridors.recovery.histories import Behind, Unusable, newest
from gateway.corridors.recovery.open_items import Item, adopt_arrived, decide, items, recompose
from gateway.corridors.recovery.rolling import Report, roll
from gateway.corridors.recovery.stated import adopt

__all__ = [
    "Behind",
    "Item",
    "Report",
    "Unusable",
    "adopt",
    "adopt_arrived",
    "decide",
    "items",
    "newest",
    "recompose",
    "roll",
]
