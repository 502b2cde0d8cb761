"""The facts' shapes: what stands in `config/`, as values.

`Facts` holds them all. A fact that is not here is not known to the code: unknown keys are faults. Loading is in
`gateway.policy.loading`, rules between facts (a route names a known party, a basis is in force, …) in
`gateway.policy.rules`. What is read out of the facts has modules of its own: `dates`, `places`, `routing`.
"""

from gateway.policy.facts.agreement import (
    Acceptance,
    Agreement,
    Basis,
    Deadline,
    EventClock,
    Frequency,
    Reconcile,
    Retention,
    Signing,
    Targets,
)
from gateway.policy.facts.base import Fact, Language, Profile, Tier
from gateway.policy.facts.facts import Facts
from gateway.policy.facts.node import (
    Backup,
    Folders,
    Intake,
    Limits,
    Mail,
    Monitoring,
    Node,
    Notices,
    Rehearsal,
    Reminders,
    SftpWitness,
    Timestamps,
    Webhook,
    Witnessing,
)
from gateway.policy.facts.party import Contact, FolderChannel, NextKeys, Party, Person, SftpChannel

__all__ = [
    "Acceptance", "Agreement", "Backup", "Basis", "Contact", "Deadline", "EventClock", "Fact", "Facts",
    "FolderChannel", "Folders", "Frequency", "Intake", "Language", "Limits", "Mail", "Monitoring", "NextKeys", "Node",
    "Notices", "Party", "Person", "Profile", "Reconcile", "Rehearsal", "Reminders", "Retention", "SftpChannel",
    "SftpWitness", "Signing", "Targets", "Tier", "Timestamps", "Webhook", "Witnessing",
]  # fmt: skip
