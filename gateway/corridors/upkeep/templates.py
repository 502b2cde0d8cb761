"""Templates (模板): a workbook per agreement in every sender's folder, so that a file begins in the right form."""

from __future__ import annotations

from pathlib import PurePosixPath

from gateway import durable
from gateway.node import Node
from gateway.policy.facts import Agreement, Language, places
from gateway.records import schema, templates


def write(node: Node) -> None:
    """At every start and reload, and every hour: write the templates of the facts in force; a folder that has them
    keeps them. Made once per set of facts. A folder that is away gets them later."""
    if not node.folders.is_up():
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
                try:
                    _lay(node, places.templates_folder(facts, party), name, made.read_bytes())
                except OSError as error:  # that folder is away: a later round, and the others now
                    node.log.warning("templates_wait", party=party.id, errno=error.errno)


def _lay(node: Node, folder: PurePosixPath, name: str, data: bytes) -> None:
    if node.folders.read(folder, name, len(data)) != data:
        node.folders.write(folder, name, data)


def _versions(agreement: Agreement, language: Language) -> dict[str, str]:
    """A file's name → the schema's version it is for: every version in force has its own, named by its first period."""
    since = "{}（{}起）.xlsx" if language == "zh" else "{} (from {}).xlsx"
    later = {since.format(agreement.label, period): version for period, version in agreement.versions.items()}
    return {f"{agreement.label}.xlsx": agreement.schema_version, **later}
