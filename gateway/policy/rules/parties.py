"""Rules of the parties' files: where they are, whom of them to tell, how they are reached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from gateway.policy.facts import SftpChannel
from gateway.policy.faults import FactFault
from gateway.policy.rules.draft import Draft
from gateway.policy.rules.names import remote_folder

_REFUSED = r"[{}\x00-\x1f]"


def provinces(draft: Draft) -> Iterator[FactFault]:
    """A province has a province's code (GB/T 2260: prefecture and county are 00)."""
    for party in draft.parties.values():
        if party.tier == "province" and not party.area_code.endswith("0000"):
            message = "a province's area code ends in 0000"
            yield draft.fault(party.file, ("area_code",), message, "省级代码应以 0000 结尾")


def contacts(draft: Draft) -> Iterator[FactFault]:
    """The next level stands behind the responsible contact, and can be reached."""
    for party in draft.parties.values():
        for number, contact in enumerate(party.contacts):
            path = ("contacts", number)
            if contact.level and number == 0:
                message = "the first contact is the responsible one: level 0"
                yield draft.fault(party.file, path, message, "第一个联系人应是责任人：level 为 0")
            if contact.level and not (contact.phone or contact.email):
                message = "the next level needs a phone or an email"
                yield draft.fault(party.file, path, message, "上一级联系人须有电话或邮箱")


def next_level_without_mail(draft: Draft) -> Iterator[FactFault]:
    """Where the node sends mail, a next level without an address gets no reminder by mail."""
    if draft.node is None or draft.node.notices.mail is None:
        return
    for party in draft.parties.values():
        unreached = [number for number, one in enumerate(party.contacts) if one.level and not one.email]
        for number in unreached[:1]:
            message = "no email: reminders that escalate do not reach the next level by mail"
            message_zh = "没有 email：升级后的催报邮件送不到上一级联系人"
            yield draft.fault(party.file, ("contacts", number), message, message_zh)


def host_keys(draft: Draft) -> Iterator[FactFault]:
    """The file that pins an endpoint's host key lies below `keys/` and holds one."""
    for party in draft.parties.values():
        if not isinstance(party.channel, SftpChannel):
            continue
        path = PurePosixPath(party.channel.known_hosts)
        file, key = f"keys/{path}", ("channel", "known_hosts")
        if path.is_absolute() or ".." in path.parts or file not in draft.contents:
            yield draft.fault(party.file, key, "no such file below keys/", "keys/ 下没有此文件")
        elif not any(line.strip() and not line.startswith(b"#") for line in draft.contents[file].splitlines()):
            yield draft.fault(party.file, key, "the file pins no host key", "该文件中没有主机密钥")


def remote_folders(draft: Draft) -> Iterator[FactFault]:
    """What a channel names at the other end can be a folder there."""
    for party in draft.parties.values():
        channel = party.channel
        if not isinstance(channel, SftpChannel):
            continue
        named: dict[tuple[str, ...], str] = {("folder",): channel.folder.replace("{label}", "label")}
        named |= {("collect", agreement): folder for agreement, folder in channel.collect.items()}
        named |= {("receipts",): channel.receipts} if channel.receipts else {}
        named |= {("signatures",): channel.signatures} if channel.signatures else {}
        for key, folder in named.items():
            if not remote_folder(folder, _REFUSED):
                path = ("channel", *key)
                yield draft.fault(party.file, path, "cannot be a folder at the other end", "不能用作对方的文件夹")


def collecting(draft: Draft) -> Iterator[FactFault]:
    """A party is collected from under agreements that it sends under."""
    for party in draft.parties.values():
        for name in party.channel.collect if isinstance(party.channel, SftpChannel) else ():
            agreement, path = draft.agreements.get(name), ("channel", "collect", name)
            if agreement is None:
                if not draft.has_agreement(name):
                    yield draft.no_agreement(party.file, path, name)
            elif not draft.sends(agreement, party.id):
                message = f"the party sends nothing under {name}: it cannot be collected from"
                yield draft.fault(party.file, path, message, f"该单位不是 {name} 的报送方，无从收取")


def gateways_without_log_keys(draft: Draft) -> Iterator[FactFault]:
    """Without a gateway's log keys a proof of another's log would be believed from it."""
    for party in draft.parties.values():
        if party.gateway and not party.log_keys:
            message = "a gateway without log_keys: it is not judged whose log its proofs are of"
            message_zh = "对方是网关而未填 log_keys：不核对其证明出自谁的日志"
            yield draft.fault(party.file, ("channel",), message, message_zh)
