"""Rules of the node's own file: its party, its clock, whom it asks for time stamps and witnesses, its backups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.policy.facts import SftpChannel
from gateway.policy.faults import FactFault
from gateway.policy.finding import NODE
from gateway.policy.rules.draft import Draft
from gateway.policy.rules.names import remote_folder

_BACKUP_KEY: Final = "keys/backup.asc"
_WITNESSES: Final = "keys/witnesses.policy"
_WITNESSED: Final = "keys/witnessed.policy"


def own_party(draft: Draft) -> Iterator[FactFault]:
    """The node's party has a file, and is of the node's tier."""
    node = draft.node
    if node is None:
        return
    if not draft.has_party(node.party):
        yield draft.no_party(NODE, ("party",), node.party)
    own = draft.parties.get(node.party)
    if own and own.tier != node.tier:
        message = f"the node's tier is {node.tier}, its party's is {own.tier}"
        yield draft.fault(NODE, ("tier",), message, f"节点层级为 {node.tier}，所属交换方的层级为 {own.tier}")


def rehearsal(draft: Draft) -> Iterator[FactFault]:
    """A moved clock starts at one moment, whatever the machine's zone."""
    moved = draft.node.rehearsal if draft.node else None
    if moved and moved.starts_at.tzinfo is None:
        message = "needs an offset from UTC, such as +08:00"
        yield draft.fault(NODE, ("rehearsal", "starts_at"), message, "须注明时区，例如 +08:00")


def timestamps(draft: Draft) -> Iterator[FactFault]:
    """A time-stamping authority's certificate is there to hold its tokens to."""
    authority = draft.node.timestamps if draft.node else None
    if authority and b"BEGIN CERTIFICATE" not in draft.contents.get(f"keys/{authority.certificate}", b""):
        message = "no file with a certificate below keys/"
        yield draft.fault(NODE, ("timestamps", "certificate"), message, "keys/ 下没有这个证书文件")


def witnesses(draft: Draft) -> Iterator[FactFault]:
    """A witness has a key in the policy and a party whose endpoint is known."""
    policy = draft.contents.get(_WITNESSES, b"").decode("utf-8", "replace")
    for name, witness in draft.node.witnesses.items() if draft.node else ():
        path = ("witnesses", name)
        if not re.search(rf"^[ \t]*witness[ \t]+{re.escape(name)}[ \t]", policy, re.MULTILINE):
            message = f"no witness of this name in {_WITNESSES}"
            yield draft.fault(NODE, path, message, f"{_WITNESSES} 中没有这个见证方")
        party = draft.parties.get(witness.party)
        if not draft.has_party(witness.party):
            yield draft.no_party(NODE, (*path, "party"), witness.party)
        elif party is not None and not isinstance(party.channel, SftpChannel):
            message = f"party {witness.party} has no SFTP channel"
            yield draft.fault(NODE, (*path, "party"), message, f"交换方 {witness.party} 没有配置 SFTP 通道")
        if not remote_folder(witness.folder, r"^/|[\x00-\x1f]"):
            message = "cannot be a folder at the other end"
            yield draft.fault(NODE, (*path, "folder"), message, "不能用作对方的文件夹")


def witnessing(draft: Draft) -> Iterator[FactFault]:
    """Whose log this node witnesses is a party, and there is a policy that names the logs."""
    parties = draft.node.witnessing.parties if draft.node else ()
    for party in parties:
        if not draft.has_party(party):
            yield draft.no_party(NODE, ("witnessing", "parties"), party)
    if parties and _WITNESSED not in draft.contents:
        message = f"{_WITNESSED} is missing: no log is known that could be witnessed"
        yield draft.fault(NODE, ("witnessing", "parties"), message, f"缺 {_WITNESSED}：不知道为哪些日志作见证")


def backup(draft: Draft) -> Iterator[FactFault]:
    """A key that backups are encrypted to has a file, and no party of the exchange has the same one."""
    pin = draft.node.backup.key if draft.node else None
    if pin is None:
        return
    if _BACKUP_KEY not in draft.contents:
        yield draft.fault(NODE, ("backup", "key"), f"{_BACKUP_KEY} is not there", f"没有公钥文件 {_BACKUP_KEY}")
    if any(pin in party.key_files() for party in draft.parties.values()):
        message = "a party's key: backups need one that is used for nothing else"
        yield draft.fault(NODE, ("backup", "key"), message, "这是交换方的密钥，备份须用专用密钥")


def without_agreements(draft: Draft) -> Iterator[FactFault]:
    """A node without any agreement takes nothing, which is hardly meant."""
    if draft.node and not any(file.startswith("config/agreements/") for file in draft.contents):
        yield draft.fault(NODE, (), "there is no agreement: nothing will be taken", "没有交换约定：不会受理任何文件")
