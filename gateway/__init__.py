"""The exchange gateway, room by room.

Imports point down this list and never up; import-linter holds it.

| room | what happens there |
|---|---|
| ``reference`` | writes the reference pages from the code |
| ``cli`` | one module per command group |
| ``demo`` | a quarter played on generated records, by people who own nothing of this project |
| ``daemon``, ``founding`` | the process: watching, sweeping, answering; making a new node |
| ``provisioning`` | accounts, folders and keys of the parties that log in here |
| ``inspection``, ``wiring`` | every fault in the facts at once; the real adapters, built from the facts |
| ``flow`` | the durable workflows: submission, distribution, delivery, acknowledgement |
| ``corridors`` | carry out what the stages decide: an idempotent effect, then one transaction |
| ``control`` | the local API on the Unix socket |
| ``stages`` | intake, opening, checking, sorting, sealing; releasing, delivery, acknowledging: decisions only |
| ``adapters`` | technology: folders, SFTP, OpenPGP, spool, ledger, worker |
| ``records`` | the data engine: readers, schemas, rules, sorting, error lists, templates |
| ``receipts`` | what people read: receipts, distribution lists, transmittal sheets, the operator's page |
| ``deadlines`` | calendar, clocks, obligations |
| ``log`` | the exchange log |
| ``policy`` | facts: the node, parties, agreements, periods; loading them with every fault at once |
| ``durable``, ``packages``, ``ports`` | how files stay written; what a package says; protocols to the outside |
| ``parcels``, ``outcomes`` | the types everything else speaks, and the catalogue of codes |
"""

__version__ = "0.1.0"
