"""Templates (模板): a workbook per agreement in every sender's folder, so that a file begins in the right form."""

from __future__ import annotations

from gateway import durable
from gateway.node import Node
from gateway.policy.facts import Agreement, Language
from gateway.records import schema, templates

MODE = 0o660


def write(node: Node) -> None:
    """Write the templates of the facts in force; a folder that has them keeps them. Made once per set of facts. While
    the share is away, none: they come with the next start or reload."""
    if not node.inbox.root.is_up():
        return
    facts = node.facts.current()
    store = node.spool.state / "templates" / facts.digest
    for agreement in facts.agreements.values():
        if agreement.content == "document":  # nobody fills in a table there
            continue
        for party in facts.senders(agreement):
            for name, version in _versions(agreement, party.language).items():
                made = store / party.language / name
                if not made.exists():
                    durable.make_folder(made.parent)
                    rules = schema.load(facts.schemas, agreement.dataset, version)
                    templates.write_template(made, rules.only(agreement.columns), agreement.label, party.language)
                target = node.folder(party, facts.node.folders.templates) / name
                data = made.read_bytes()
                if not target.exists() or target.read_bytes() != data:
                    durable.make_folder(target.parent, 0o770)
                    durable.write_bytes(target, data, MODE)


def _versions(agreement: Agreement, language: Language) -> dict[str, str]:
    """A file's name → the schema's version it is for: every version in force has its own, named by its first period."""
    since = "{}（{}起）.xlsx" if language == "zh" else "{} (from {}).xlsx"
    later = {since.format(agreement.label, period): version for period, version in agreement.versions.items()}
    return {f"{agreement.label}.xlsx": agreement.schema_version, **later}
