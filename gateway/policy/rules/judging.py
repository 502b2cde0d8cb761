"""Every rule between facts, in one list: who names whom, what a schema must hold, what is in force on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from gateway.policy.faults import FactsError, Findings
from gateway.policy.loading import read
from gateway.policy.rules import agreements, clocks, dates, files, keys, names, node, notices, parties, tables
from gateway.policy.rules.draft import Draft, Rule

# What these find stops the node.
FAULTS: Final[tuple[Rule, ...]] = (
    node.own_party,
    node.rehearsal,
    node.timestamps,
    node.witnesses,
    node.witnessing,
    node.backup,
    notices.mail,
    notices.webhook,
    parties.provinces,
    parties.contacts,
    parties.host_keys,
    parties.remote_folders,
    parties.collecting,
    agreements.counterparts,
    agreements.both_ways,
    agreements.routed,
    agreements.basis,
    agreements.four_eyes,
    agreements.plain_folder,
    dates.deadlines,
    dates.events,
    dates.first_periods,
    dates.reminders,
    clocks.starts,
    clocks.inquiries,
    clocks.replies,
    clocks.yielding,
    tables.routes,
    tables.version_periods,
    tables.schemas,
    tables.reconciling,
    names.folders,
    names.duplicates,
    files.private_keys,
)
# What these find stops a node that works on real data, and may stand in a fresh one.
UNFILLED: Final[tuple[Rule, ...]] = (agreements.placeholders,)
# What these find an administrator should know, and may leave as it is.
WARNINGS: Final[tuple[Rule, ...]] = (
    node.without_agreements,
    parties.next_level_without_mail,
    parties.gateways_without_log_keys,
    keys.pins,
    keys.overlaps,
    keys.unpinned_receivers,
    keys.people,
    agreements.nobody_sends,
    agreements.nobody_receives,
    dates.nothing_owed,
    files.unread,
)


def inspect(where: Path, today: date, further: Sequence[Rule] = ()) -> Findings:
    """Every fault of the files under `where` and between them on `today`, and what an administrator should know.

    `further` are rules of rooms above this one; what they find is a fault. Raises nothing for a fault, however bad:
    where the files cannot be read at all, the finding says so.
    """
    try:
        loaded = read(where)
    except FactsError as error:
        return Findings(error.faults)
    draft = Draft(loaded, today)
    faults = {*loaded.faults, *(fault for rule in (*FAULTS, *further) for fault in rule(draft))}
    warnings = {warning for rule in WARNINGS for warning in rule(draft)}
    unfilled = {fault for rule in UNFILLED for fault in rule(draft)}
    return Findings(tuple(sorted(faults)), tuple(sorted(warnings)), tuple(sorted(unfilled)))
