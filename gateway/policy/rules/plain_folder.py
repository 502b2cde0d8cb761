"""What profile `plain-folder` asks of the facts: unsealed files go only where a document allows it, as workbooks, into
folders on this node (design: formats, "Package")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.policy.facts import Agreement, Party, SftpChannel


def faults(agreement: Agreement, receivers: Iterable[Party]) -> Iterator[tuple[str, str]]:
    """What is wrong, in English and Chinese; nothing for an agreement of another profile."""
    if agreement.profile != "plain-folder":
        return
    if not agreement.plain_basis.strip():
        yield (
            "plain-folder needs plain_basis: the document that allows unsealed files",
            "plain-folder 须有 plain_basis：允许不加密交付的文件依据",
        )
    if agreement.content != "table":
        yield (
            "plain-folder is for tables: a document cannot be made a workbook",
            "plain-folder 只用于表格，文档不能转为工作簿",
        )
    for party in receivers:
        if isinstance(party.channel, SftpChannel):
            yield (
                f"plain-folder, but {party.id} is reached over SFTP: only a folder on this node is its own",
                f"plain-folder 只能交到本节点上的专用文件夹，而 {party.id} 用 SFTP",
            )
