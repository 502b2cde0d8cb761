"""Rules between facts, all of them at once: who names whom, what a schema must hold, what is in force on a day.

`check` judges loaded facts, `inspect` a folder of files that may not even load. A rule that needs a fact whose own file
is faulty is passed over: one mistake is reported once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from gateway.policy.facts import Agreement, Facts, Node, Party, SftpChannel, dates, routing
from gateway.policy.faults import FactFault, FactsError, Findings
from gateway.policy.loading import Draft, read, tree
from gateway.policy.loading.secrets import holds_private_key
from gateway.policy.periods import Period
from gateway.policy.rules import clocks, notices, plain_folder, tables

OVERLAP_DAYS: Final = 60
_NODE: Final = "config/gateway.toml"
_KNOWN: Final = re.compile(
    r"config/(gateway\.toml|(parties|agreements|people|calendar)/[^/]+\.toml|examples/.*|(.*/)?[^/]+\.md)"
)
_NO_FILE_NAME: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[. ]$|^\.')  # what Windows cannot have, and hidden folders


def check(facts: Facts, today: date) -> Findings:
    """Every fault between the facts on `today`, and what an administrator should know. Files are read again."""
    return inspect(facts.home, today)


def inspect(where: Path, today: date) -> Findings:
    """Every fault of the files under `where` and between them. Raises nothing for a fault, however bad."""
    try:
        draft = read(where)
    except FactsError as error:
        return Findings(error.faults)
    judge = _Judge(draft, today)
    judge.node()
    judge.parties()
    judge.people()
    for agreement in draft.agreements.values():
        judge.agreement(agreement)
        clocks.judge(draft, agreement, judge.fault)
    notices.judge(draft, judge.fault)
    judge.duplicates()
    judge.files()
    return Findings(tuple(sorted({*draft.faults, *judge.faults})), tuple(sorted(set(judge.warnings))))


@dataclass
class _Judge:
    draft: Draft
    today: date
    faults: list[FactFault] = field(default_factory=list)
    warnings: list[FactFault] = field(default_factory=list)

    def fault(self, file: str, path: tuple[str | int, ...], message: str, message_zh: str) -> None:
        self.faults.append(FactFault.at(file, self.draft.line(file, *path), path, message, message_zh))

    def warn(self, file: str, path: tuple[str | int, ...], message: str, message_zh: str) -> None:
        self.warnings.append(FactFault.at(file, self.draft.line(file, *path), path, message, message_zh))

    def node(self) -> None:
        node = self.draft.node
        if node is None:
            return
        if node.party not in self.draft.ids:
            self.fault(_NODE, ("party",), f"party {node.party} has no file", f"交换方 {node.party} 没有文件")
        own = self.draft.parties.get(node.party)
        if own and own.tier != node.tier:
            message = f"the node's tier is {node.tier}, its party's is {own.tier}"
            self.fault(_NODE, ("tier",), message, f"节点层级为 {node.tier}，所属交换方的层级为 {own.tier}")
        names = node.folders.model_dump()
        for key, name in names.items():
            if _NO_FILE_NAME.search(name) or not name:
                self.fault(_NODE, ("folders", key), "cannot be a folder's name", "不能用作文件夹名")
            elif key != "machine" and sum(name == names[k] for k in names if k != "machine") > 1:
                self.fault(_NODE, ("folders", key), "two folders bear this name", "有两个文件夹同名")
        for key, message, message_zh in dates.reminder_faults(node.reminders):
            self.fault(_NODE, ("reminders", key), message, message_zh)
        if node.rehearsal and node.rehearsal.starts_at.tzinfo is None:
            message = "needs an offset from UTC, such as +08:00"
            self.fault(_NODE, ("rehearsal", "starts_at"), message, "须注明时区，例如 +08:00")
        if node.timestamps:
            content = self.draft.contents.get(f"keys/{node.timestamps.certificate}")
            if content is None or b"BEGIN CERTIFICATE" not in content:
                message = "no file with a certificate below keys/"
                self.fault(_NODE, ("timestamps", "certificate"), message, "keys/ 下没有这个证书文件")
        self._witnesses(node)
        if not any(file.startswith("config/agreements/") for file in self.draft.contents):
            self.warn(_NODE, (), "there is no agreement: nothing will be taken", "没有交换约定：不会受理任何文件")

    def _witnesses(self, node: Node) -> None:
        """A witness has a key in the policy and a party whose endpoint is known."""
        policy = self.draft.contents.get("keys/witnesses.policy", b"").decode("utf-8", "replace")
        for name, witness in node.witnesses.items():
            path = ("witnesses", name)
            if not re.search(rf"^[ \t]*witness[ \t]+{re.escape(name)}[ \t]", policy, re.MULTILINE):
                message = "no witness of this name in keys/witnesses.policy"
                self.fault(_NODE, path, message, "keys/witnesses.policy 中没有这个见证方")
            party = self.draft.parties.get(witness.party)
            if party is None and witness.party not in self.draft.ids:
                message = f"party {witness.party} has no file"
                self.fault(_NODE, (*path, "party"), message, f"交换方 {witness.party} 没有文件")
            elif party is not None and not isinstance(party.channel, SftpChannel):
                message = f"party {witness.party} has no SFTP channel"
                self.fault(_NODE, (*path, "party"), message, f"交换方 {witness.party} 没有配置 SFTP 通道")
            folder = witness.folder
            if not folder or ".." in PurePosixPath(folder).parts or re.search(r"^/|[\x00-\x1f]", folder):
                message = "cannot be a folder at the other end"
                self.fault(_NODE, (*path, "folder"), message, "不能用作对方的文件夹")

        for identity in node.witnessing.parties:
            if identity not in self.draft.parties and identity not in self.draft.ids:
                message = f"party {identity} has no file"
                self.fault(_NODE, ("witnessing", "parties"), message, f"交换方 {identity} 没有文件")
        if node.witnessing.parties and "keys/witnessed.policy" not in self.draft.contents:
            message = "keys/witnessed.policy is missing: no log is known that could be witnessed"
            self.fault(_NODE, ("witnessing", "parties"), message, "缺 keys/witnessed.policy：不知道为哪些日志作见证")

    def parties(self) -> None:
        for party in self.draft.parties.values():
            file = f"config/parties/{party.id}.toml"
            if _NO_FILE_NAME.search(party.folder_name):
                self.fault(file, ("folder",), "cannot be a folder's name", "不能用作文件夹名")
            if party.tier == "province" and not party.area_code.endswith("0000"):
                message = "a province's area code ends in 0000"
                self.fault(file, ("area_code",), message, "省级代码应以 0000 结尾")
            if isinstance(party.channel, SftpChannel):
                self._known_hosts(file, party.channel.known_hosts)
                if party.gateway and not party.log_keys:
                    message = "a gateway without log_keys: it is not judged whose log its proofs are of"
                    self.warn(file, ("channel",), message, "对方是网关而未填 log_keys：不核对其证明出自谁的日志")
                self._endpoint(file, party, party.channel)
            self._keys(file, party)
            for number, message, message_zh in dates.contact_faults(party):
                self.fault(file, ("contacts", number), message, message_zh)
            if self.draft.node and self.draft.node.notices.mail and not all(c.email for c in party.at(1)):
                number = next(n for n, c in enumerate(party.contacts) if c.level and not c.email)
                message = "no email: reminders that escalate do not reach the next level by mail"
                self.warn(file, ("contacts", number), message, "没有 email：升级后的催报邮件送不到上一级联系人")

    def _keys(self, file: str, party: Party) -> None:
        """Every pin has its file; what is revoked is not pinned; an overlap comes to its end."""
        for pin, name in party.key_files().items():
            path = (*(("next",) if ".next." in name else ()), "sm_key" if name.endswith(".pem") else "key")
            if f"keys/{name}" not in self.draft.contents:
                self.warn(file, path, f"keys/{name} is not there", f"没有公钥文件 keys/{name}")
            if pin in party.revoked:
                self.warn(file, path, "this key is revoked: it is not used", "此密钥已吊销，不再使用")
        if party.next and (self.today - party.next.valid_from).days > OVERLAP_DAYS:
            message = "the next key has been in use for long: end the overlap with gateway keys rotate --finish"
            self.warn(file, ("next",), message, "新密钥早已启用：请运行 gateway keys rotate --finish 结束并行期")

    def people(self) -> None:
        for person in self.draft.people.values():
            if f"keys/people/{person.id}.asc" not in self.draft.contents:
                message = f"keys/people/{person.id}.asc is not there"
                file = f"config/people/{person.id}.toml"
                self.warn(file, ("key",), message, f"没有公钥文件 keys/people/{person.id}.asc")
        keys = {person.key for person in self.draft.people.values() if "release" in person.roles}
        for agreement in self.draft.agreements.values():
            if agreement.four_eyes and len(keys) < 2:
                message = "two people with keys of their own must be in config/people: nothing can be released"
                file = f"config/agreements/{agreement.id}.toml"
                self.warn(file, ("four_eyes",), message, "config/people 中须有两人，各有自己的密钥，否则无法放行")

    def _known_hosts(self, file: str, name: str) -> None:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or f"keys/{path}" not in self.draft.contents:
            message = "no such file below keys/"
            self.fault(file, ("channel", "known_hosts"), message, "keys/ 下没有此文件")
        elif not any(
            line.strip() and not line.startswith(b"#") for line in self.draft.contents[f"keys/{path}"].splitlines()
        ):
            self.fault(file, ("channel", "known_hosts"), "the file pins no host key", "该文件中没有主机密钥")

    def _endpoint(self, file: str, party: Party, channel: SftpChannel) -> None:
        """Folders at the other end, and under which agreements the party may be collected from."""
        remote: list[tuple[tuple[str, ...], str]] = [
            (("channel", "folder"), channel.folder.replace("{label}", "label"))
        ]
        remote += [(("channel", "collect", name), folder) for name, folder in channel.collect.items()]
        asked = (("receipts", channel.receipts), ("signatures", channel.signatures))
        remote += [(("channel", key), folder) for key, folder in asked if folder]
        for path, folder in remote:
            if not folder or ".." in PurePosixPath(folder).parts or re.search(r"[{}\x00-\x1f]", folder):
                self.fault(file, path, "cannot be a folder at the other end", "不能用作对方的文件夹")
        for name in channel.collect:
            agreement = self.draft.agreements.get(name)
            if agreement is None:
                if f"config/agreements/{name}.toml" not in self.draft.contents:
                    message = f"agreement {name} has no file"
                    self.fault(file, ("channel", "collect", name), message, f"交换约定 {name} 没有文件")
            elif (
                party.tier != agreement.senders
                if isinstance(agreement.senders, str)
                else party.id not in agreement.senders
            ):
                message = f"the party sends nothing under {name}: it cannot be collected from"
                self.fault(file, ("channel", "collect", name), message, f"该单位不是 {name} 的报送方，无从收取")

    def agreement(self, agreement: Agreement) -> None:
        file = f"config/agreements/{agreement.id}.toml"
        if _NO_FILE_NAME.search(agreement.label):
            self.fault(file, ("label",), "cannot be a folder's name", "不能用作文件夹名")
        if self.draft.node and agreement.label == self.draft.node.folders.acknowledge:
            message = "is the name of the folder for acknowledgements"
            self.fault(file, ("label",), message, "与签收文件夹同名")
        self._counterparts(agreement, file)
        self._basis(agreement, file)
        self._dates(agreement, file)
        if agreement.sensitivity == "high" and not agreement.four_eyes:
            path = ("four_eyes",) if "four_eyes" in agreement.model_fields_set else ("sensitivity",)
            self.fault(file, path, "sensitivity high needs four_eyes = true", "敏感程度为 high 时须双人放行")
        for message, message_zh in plain_folder.faults(agreement, self._receivers(agreement)):
            self.fault(file, ("profile",), message, message_zh)
        if agreement.content == "table":
            judged = tables.Tables(agreement, self.draft)
            for key, message, message_zh in judged.faults():
                self.fault(file, key, message, message_zh)
            self.faults += judged.unreadable
        elif agreement.receivers == "routed":
            message = "a document is not parsed, so it cannot be routed"
            self.fault(file, ("receivers",), message, "文档不解析，不能按内容分送")

    def _counterparts(self, agreement: Agreement, file: str) -> None:
        for key, named in (("senders", agreement.senders), ("receivers", agreement.receivers)):
            if isinstance(named, str):
                continue
            for number, name in enumerate(named):
                if name not in self.draft.ids:
                    self.fault(file, (key, number), f"party {name} has no file", f"交换方 {name} 没有文件")
                elif name in named[:number]:
                    self.fault(file, (key, number), f"party {name} is named twice", f"交换方 {name} 重复")
            if not named:
                self.fault(file, (key,), "names nobody", "没有列出任何单位")
        if agreement.receivers == "routed" and not (agreement.route_by or clocks.is_reply(self.draft, agreement)):
            self.fault(file, ("receivers",), "routed needs route_by", "按字段分拣（routed）须有 route_by")
        if agreement.receivers != "routed" and agreement.route_by:
            message = 'route_by is only for receivers = "routed"'
            self.fault(file, ("route_by",), message, '只有 receivers = "routed" 时才有 route_by')
        node = self.draft.node
        if node is None:
            return
        parties = self.draft.parties.values()
        if isinstance(agreement.senders, str) and not any(
            p.tier == agreement.senders and p.id != node.party for p in parties
        ):
            message = f"there is no party of the tier {agreement.senders}: nobody sends"
            self.warn(file, ("senders",), message, f"没有层级为 {agreement.senders} 的交换方：无人报送")
        if agreement.profile != "plain-folder":
            for party in self._receivers(agreement):
                if not party.pins(agreement.profile) and party.id != node.party:
                    message = "not pinned: nothing can be sealed for this party"
                    where, key = f"config/parties/{party.id}.toml", "sm_key" if agreement.profile == "sm" else "key"
                    self.warn(where, (key,), message, "没有登记公钥指纹，无法向其发送加密的交换包")

    def _receivers(self, agreement: Agreement) -> Iterable[Party]:
        if agreement.receivers == "routed":
            return routing.leads(self.draft.parties, agreement).values()
        return [self.draft.parties[i] for i in agreement.receivers if i in self.draft.parties]

    def _basis(self, agreement: Agreement, file: str) -> None:
        basis = agreement.basis
        if basis.valid_until and basis.valid_until < basis.valid_from:
            self.fault(file, ("basis", "valid_until"), "ends before it begins", "早于生效日期")
        elif basis.valid_until and basis.valid_until < self.today:
            self.fault(file, ("basis", "valid_until"), "the basis has expired", "依据已失效")
        elif basis.valid_from > self.today:
            self.fault(file, ("basis", "valid_from"), "the basis is not yet in force", "依据尚未生效")
        for key in ("document", "purpose", "approved_by"):
            if not getattr(basis, key).strip():
                self.fault(file, ("basis", key), "must not be empty", "不能为空")

    def _dates(self, agreement: Agreement, file: str) -> None:
        dates.judge(agreement, partial(self._sends, agreement), self.fault)
        if not agreement.deadline and agreement.content == "table" and agreement.rhythm != "event":
            message = "without a deadline nobody owes anything under this agreement"
            self.warn(file, (), message, "没有报送期限：依本约定无人负有报送义务")
        if agreement.release == "at_close" and agreement.rhythm == "event":
            message = "at_close needs periods, and an event has none"
            self.fault(file, ("release",), message, "at_close 需要报告期，event 没有报告期")
        if agreement.first_period:
            try:
                fits = Period.parse(agreement.first_period).rhythm == agreement.rhythm
            except ValueError:
                fits = False
            if not fits:
                message = f"is no period of the rhythm {agreement.rhythm}"
                self.fault(file, ("first_period",), message, f"不是 {agreement.rhythm} 的报告期")

    def _sends(self, agreement: Agreement, party: str) -> bool:
        """Whether `party` reports under the agreement; one whose own file is faulty counts as doing so."""
        known = self.draft.parties.get(party)
        if isinstance(agreement.senders, str):
            return party in self.draft.ids and (known is None or known.tier == agreement.senders)
        return party in agreement.senders

    def duplicates(self) -> None:
        agreements = self.draft.agreements.values()
        parties = self.draft.parties.values()
        self._twice(agreements, "agreements", ("label",), lambda a: a.label.casefold(), "label", "名称")
        self._twice(parties, "parties", ("folder",), lambda p: p.folder_name.casefold(), "folder", "文件夹")
        # Departments share their county's code; everybody else is the only one of its tier there.
        places = [party for party in parties if party.tier != "department"]
        self._twice(places, "parties", ("area_code",), lambda p: (p.tier, p.area_code), "area code", "区划代码")

    def _twice(
        self, facts: Iterable[Any], folder: str, path: tuple[str], key: Callable[[Any], object], what: str, what_zh: str
    ) -> None:
        facts = list(facts)
        counted = Counter(key(fact) for fact in facts)
        for fact in facts:
            if counted[key(fact)] > 1:
                others = ", ".join(sorted(f.id for f in facts if key(f) == key(fact) and f.id != fact.id))
                file = f"config/{folder}/{fact.id}.toml"
                self.fault(file, path, f"{others} has the same {what}", f"与 {others} 的{what_zh}相同")

    def files(self) -> None:
        """Private keys are looked for in hidden files and editors' leftovers too: those are copied and read as well."""
        for file in map(str, tree.paths(self.draft.home, ("config", "keys"), leftovers=True)):
            try:
                private = holds_private_key((self.draft.home / file).read_bytes())
            except OSError:
                self.faults.append(FactFault(file, 1, "cannot be read", "无法读取"))
                continue
            if private:
                message = "a private key: it belongs in the node's private folder, and must now count as disclosed"
                message_zh = "私钥不能放在这里，应放在节点的 private 文件夹；请视为已泄露"
                self.faults.append(FactFault(file, 1, message, message_zh))
            elif file in self.draft.contents and file.startswith("config/") and not _KNOWN.fullmatch(file):
                self.warnings.append(FactFault(file, 1, "nobody reads this file", "没有程序会读取此文件"))
