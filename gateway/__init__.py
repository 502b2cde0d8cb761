"""The exchange gateway, room by room.

Imports point down this list and never up; import-linter holds it.

| room | what happens there |
|---|---|
| ``cli`` | one module per command group |
| ``daemon`` | watchers, scheduler, signals, readiness, control socket |
| ``wiring`` | builds the real adapters from the facts, once |
| ``flow`` | the two durable workflows: submission and distribution |
| ``control`` | the local API on the Unix socket |
| ``stages`` | intake, opening, checking, sorting, sealing; releasing, delivery, acknowledging: decisions, no technology |
| ``adapters`` | technology: folders, SFTP, OpenPGP, spool, ledger, worker |
| ``records`` | the data engine: readers, schemas, rules, sorting, error lists, templates |
| ``receipts`` | what people read: receipts, distribution lists, transmittal sheets, the operator's page |
| ``deadlines`` | calendar, clocks, obligations |
| ``log`` | the exchange log: entries, canonical form |
| ``policy`` | facts: the node, parties, agreements, periods; loading them with every fault at once |
| ``durable``, ``ports`` | how files are written so that they stay written; protocols to the outside |
| ``parcels``, ``outcomes`` | the types everything else speaks |
"""

__version__ = "0.1.0"
