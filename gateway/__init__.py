"""The exchange gateway, room by room.

Imports point down this list and never up; import-linter holds it.

| room | what happens there |
|---|---|
| ``reference`` | writes the reference pages and pictures from the code |
| ``cli`` | one module per command group |
| ``demo`` | a quarter played on generated records, by people who own nothing of this project |
| ``daemon`` | the process: starting and stopping, sweeping, what the socket is asked |
| ``founding``, ``provisioning`` | making a new node; accounts, folders and keys of the parties that log in here |
| ``key_trial`` | a partner's next keys, tried both ways before they count |
| ``inspection``, ``wiring`` | every fault in the facts at once; the real adapters, built from the facts |
| ``flow`` | the durable workflows, the story on one page: submission, distribution, delivery, acknowledgement |
| ``corridors`` | carry out what the stages decide; told by story, see ``docs/explanation/corridors.md`` |
| ``step`` | one step, once: load, effect, outcome, then one transaction |
| ``node`` | the running node: its ports and its facts |
| ``control`` | the local API on the Unix socket |
| ``stages`` | decisions only: intake to sealing, releasing to acknowledging, countersigning |
| ``adapters`` | technology: folders, SFTP, OpenPGP, SM, spool, ledger, worker |
| ``records`` | the data engine: readers, schemas, rules, sorting, error lists, templates |
| ``receipts`` | what people read: receipts, distribution lists, transmittal sheets, the operator's page |
| ``deadlines`` | calendar, clocks, obligations |
| ``log`` | the exchange log: entries, tiles, proofs, verification |
| ``policy`` | facts: the node, parties, agreements, periods; loading them with every fault at once |
| ``ports`` | protocols to the outside that the corridors type against |
| ``durable``, ``packages`` | how files stay written; what a package says |
| ``lifecycle`` | states, events, and one table of transitions for each kind of thing |
| ``parcels`` | the types of both corridors |
| ``outcomes``, ``instants`` | what may come of a stage, and the catalogue of codes; how an instant is spelled |
| ``digests`` | keys and what they hide in the log |
| ``reading`` | how a table was read, as its sender is told |
| ``wholeness`` | whether a file ends where its format says |
"""

__version__ = "0.1.0"
