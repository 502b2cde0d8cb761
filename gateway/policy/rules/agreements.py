"""Rules of an agreement's own terms: between whom, on what basis, how released."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.policy.facts import SftpChannel
from gateway.policy.facts.base import TIERS
from gateway.policy.faults import FactFault
from gateway.policy.rules.clocks import is_reply
from gateway.policy.rules.draft import Draft

_PLACEHOLDER: Final = re.compile("填写|示例")
_OF_A_BASIS: Final = (
    ("document", "the document by its title and number", "依据文件的名称和文号"),
    ("purpose", "what the data may be used for", "数据的用途"),
    ("approved_by", "who approved this exchange", "批准本项交换的单位"),
)


def counterparts(draft: Draft) -> Iterator[FactFault]:
    """Senders and receivers that are named have a file, and are named once."""
    for agreement in draft.agreements.values():
        for key, named in (("senders", agreement.senders), ("receivers", agreement.receivers)):
            if isinstance(named, str):
                continue
            for number, name in enumerate(named):
                if name not in TIERS and not draft.has_party(name):
                    yield draft.no_party(agreement.file, (key, number), name)
                elif name in named[:number]:
                    message = f"party {name} is named twice"
                    yield draft.fault(agreement.file, (key, number), message, f"交换方 {name} 重复")
            if not named:
                yield draft.fault(agreement.file, (key,), "names nobody", "没有列出任何单位")


def both_ways(draft: Draft) -> Iterator[FactFault]:
    """Sender and receiver differ: nobody that is named to receive reports under the agreement, and where records are
    routed, a sender is not the only one they can go to."""
    for agreement in draft.agreements.values():
        senders = {party.id for party in draft.senders(agreement)}
        if agreement.receivers != "routed":
            for name in sorted(senders & {party.id for party in draft.receivers(agreement)}):
                named = () if isinstance(agreement.receivers, str) else agreement.receivers
                path = ("receivers", named.index(name)) if name in named else ("receivers",)
                message = f"{name} would send to itself: take it out of senders or of receivers"
                message_zh = f"{name} 既是报送方又是接收方，等于发给自己：请从 senders 或 receivers 中去掉"
                yield draft.fault(agreement.file, path, message, message_zh)
            continue
        receivers = draft.led_to(agreement)
        if draft.parties_read and len(receivers) == 1 and receivers <= senders:
            (name,) = receivers
            message = f"{name} sends and is the only receiver: name somebody else in routes or otherwise"
            message_zh = f"{name} 是报送方，又是唯一的接收方：请在 routes 或 otherwise 中写明其他接收方"
            yield draft.fault(agreement.file, ("receivers",), message, message_zh)


def routed(draft: Draft) -> Iterator[FactFault]:
    """Records are routed by a field, but for replies, which go back to who asked; a document cannot be routed."""
    for agreement in draft.agreements.values():
        if agreement.receivers != "routed":
            if agreement.route_by:
                message = 'route_by is only for receivers = "routed"'
                yield draft.fault(agreement.file, ("route_by",), message, '只有 receivers = "routed" 时才有 route_by')
            continue
        if not (agreement.route_by or is_reply(draft, agreement)):
            message = "routed needs route_by"
            yield draft.fault(agreement.file, ("receivers",), message, "按字段分拣（routed）须有 route_by")
        if agreement.content != "table":
            message = "a document is not parsed, so it cannot be routed"
            yield draft.fault(agreement.file, ("receivers",), message, "文档不解析，不能按内容分送")


def basis(draft: Draft) -> Iterator[FactFault]:
    """An agreement's basis is in force on the day, and says what it must."""
    for agreement in draft.agreements.values():
        file, found = agreement.file, agreement.basis
        if found.valid_until and found.valid_until < found.valid_from:
            yield draft.fault(file, ("basis", "valid_until"), "ends before it begins", "早于生效日期")
        elif found.valid_until and found.valid_until < draft.today:
            yield draft.fault(file, ("basis", "valid_until"), "the basis has expired", "依据已失效")
        elif found.valid_from > draft.today:
            yield draft.fault(file, ("basis", "valid_from"), "the basis is not yet in force", "依据尚未生效")
        for key in ("document", "purpose", "approved_by"):
            if not getattr(found, key).strip():
                yield draft.fault(file, ("basis", key), "must not be empty", "不能为空")


def placeholders(draft: Draft) -> Iterator[FactFault]:
    """A basis names what there is: outside a rehearsal it is no example, and nothing in it is left to be filled in."""
    if draft.node is None or draft.node.rehearsal:
        return
    for agreement in draft.agreements.values():
        for key, wanted, wanted_zh in _OF_A_BASIS:
            if _PLACEHOLDER.search(getattr(agreement.basis, key)):
                message = f"still the example's text: enter {wanted}"
                yield draft.fault(agreement.file, ("basis", key), message, f"仍是示例文字，请填写{wanted_zh}")


def four_eyes(draft: Draft) -> Iterator[FactFault]:
    """What is highly sensitive is released by two people."""
    for agreement in draft.agreements.values():
        if agreement.sensitivity == "high" and not agreement.four_eyes:
            path = ("four_eyes",) if "four_eyes" in agreement.model_fields_set else ("sensitivity",)
            message = "sensitivity high needs four_eyes = true"
            yield draft.fault(agreement.file, path, message, "敏感程度为 high 时须双人放行")


def plain_folder(draft: Draft) -> Iterator[FactFault]:
    """Under profile `plain-folder` unsealed files go only where a document allows it, as workbooks, into folders on
    this node."""
    for agreement in draft.agreements.values():
        if agreement.profile != "plain-folder":
            continue
        file, path = agreement.file, ("profile",)
        if not agreement.plain_basis.strip():
            message = "plain-folder needs plain_basis: the document that allows unsealed files"
            yield draft.fault(file, path, message, "plain-folder 须有 plain_basis：允许不加密交付的文件依据")
        if agreement.content != "table":
            message = "plain-folder is for tables: a document cannot be made a workbook"
            yield draft.fault(file, path, message, "plain-folder 只用于表格，文档不能转为工作簿")
        for party in draft.receivers(agreement):
            if isinstance(party.channel, SftpChannel):
                message = f"plain-folder, but {party.id} is reached over SFTP: only a folder on this node is its own"
                message_zh = f"plain-folder 只能交到本节点上的专用文件夹，而 {party.id} 用 SFTP"
                yield draft.fault(file, path, message, message_zh)


def nobody_sends(draft: Draft) -> Iterator[FactFault]:
    """A tier that sends has a party beside the node's own."""
    for agreement in draft.agreements.values():
        tier = " / ".join(sorted(draft.sending_tiers(agreement)))
        if tier and draft.node is not None and not draft.senders(agreement):
            message = f"there is no party of the tier {tier}: nobody sends"
            yield draft.fault(agreement.file, ("senders",), message, f"没有层级为 {tier} 的交换方：无人报送")


def nobody_receives(draft: Draft) -> Iterator[FactFault]:
    """A tier that receives has a party beside the node's own."""
    for agreement in draft.agreements.values():
        tier = " / ".join(sorted(draft.receiving_tiers(agreement)))
        if tier and draft.node is not None and not draft.receivers(agreement):
            message = f"there is no party of the tier {tier}: nobody receives"
            yield draft.fault(agreement.file, ("receivers",), message, f"没有层级为 {tier} 的交换方：无人接收")
