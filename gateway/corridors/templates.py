"""Templates (模板): a workbook per agreement in every sender's folder, so that a file begins in the right form."""

from __future__ import annotations

from gateway import durable
from gateway.corridors.tools import Tools
from gateway.records import schema, templates

MODE = 0o660


def write(tools: Tools) -> None:
    """Write the templates of the facts in force; a folder that has them keeps them. Made once per set of facts."""
    facts = tools.facts.current()
    store = tools.spool.state / "templates" / facts.digest
    for agreement in facts.agreements.values():
        if agreement.content == "document":  # nobody fills in a table there
            continue
        for party in facts.senders(agreement):
            made = store / party.language / f"{agreement.label}.xlsx"
            if not made.exists():
                durable.make_folder(made.parent)
                rules = schema.load(facts.schemas, agreement.dataset, agreement.schema_version)
                templates.write_template(made, rules.only(agreement.columns), agreement.label, party.language)
            target = tools.folder(party, facts.node.folders.templates) / made.name
            data = made.read_bytes()
            if not target.exists() or target.read_bytes() != data:
                durable.make_folder(target.parent, 0o770)
                durable.write_bytes(target, data, MODE)
