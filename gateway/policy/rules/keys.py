"""Rules of keys: pins that cannot be used, overlaps that never end, and who may release. All of them are warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.policy.faults import FactFault
from gateway.policy.rules.draft import Draft

OVERLAP_DAYS: Final = 60


def pins(draft: Draft) -> Iterator[FactFault]:
    """Every pin has its file, and what is revoked is not pinned."""
    for party in draft.parties.values():
        for pin, name in party.key_files().items():
            path = (*(("next",) if ".next." in name else ()), "sm_key" if name.endswith(".pem") else "key")
            if f"keys/{name}" not in draft.contents:
                yield draft.fault(party.file, path, f"keys/{name} is not there", f"没有公钥文件 keys/{name}")
            if pin in party.revoked:
                message = "this key is revoked: it is not used"
                yield draft.fault(party.file, path, message, "此密钥已吊销，不再使用")


def overlaps(draft: Draft) -> Iterator[FactFault]:
    """An overlap of two keys ends; after `OVERLAP_DAYS` days somebody has forgotten to end it."""
    for party in draft.parties.values():
        if party.next and (draft.today - party.next.valid_from).days > OVERLAP_DAYS:
            message = "the next key has been in use for long: end the overlap with gateway keys rotate --finish"
            message_zh = "新密钥早已启用：请运行 gateway keys rotate --finish 结束并行期"
            yield draft.fault(party.file, ("next",), message, message_zh)


def unpinned_receivers(draft: Draft) -> Iterator[FactFault]:
    """A receiver of sealed packages has a pin to seal for."""
    for agreement in draft.agreements.values():
        if agreement.profile == "plain-folder" or draft.node is None:
            continue
        for party in draft.receivers(agreement):
            if not party.pins(agreement.profile) and party.id != draft.node.party:
                key = "sm_key" if agreement.profile == "sm" else "key"
                message = "not pinned: nothing can be sealed for this party"
                yield draft.fault(party.file, (key,), message, "没有登记公钥指纹，无法向其发送加密的交换包")


def people(draft: Draft) -> Iterator[FactFault]:
    """A person's key has its file; where four eyes release, two people have keys of their own."""
    for person in draft.people.values():
        file = f"keys/people/{person.id}.asc"
        if file not in draft.contents:
            yield draft.fault(person.file, ("key",), f"{file} is not there", f"没有公钥文件 {file}")
    keys = {person.key for person in draft.people.values() if "release" in person.roles}
    for agreement in draft.agreements.values():
        if agreement.four_eyes and len(keys) < 2:
            message = "two people with keys of their own must be in config/people: nothing can be released"
            message_zh = "config/people 中须有两人，各有自己的密钥，否则无法放行"
            yield draft.fault(agreement.file, ("four_eyes",), message, message_zh)
