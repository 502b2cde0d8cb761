"""Every command of the first level: where its code is, and the sentence that help shows for it.

The list is data, so that `gateway --help` imports no command. A command's own help is the same sentence.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Entry(NamedTuple):
    """`attribute` of the module `gateway.cli.<module>` is the command's function, or the `Typer` of a group."""

    module: str
    attribute: str
    sentence: str


COMMANDS: Final[dict[str, Entry]] = {
    "init": Entry(
        "init",
        "init",
        "建立一个可运行的节点 / make a node that runs: facts, folders, a key. Exit 2 when DIR is not empty.",
    ),
    "demo": Entry(
        "demo",
        "demo",
        "演示一个季度 / a whole quarter, from the first file to the last signature. The people in it are artificial.",
    ),
    "run": Entry(
        "run",
        "run",
        "运行守护进程 / run the daemon. Logs are JSON lines on stderr and hold no personal data.",
    ),
    "config": Entry("config", "app", "配置检查 / check the facts"),
    "check": Entry(
        "check",
        "check",
        "检查一个文件（离线），有退回时退出码为 1 / validate a file, offline; exit 1 when anything was refused",
    ),
    "sort": Entry(
        "sort",
        "sort",
        "检查并按省份分拣（离线）/ check and split by province, offline; exit 1 when anything was refused",
    ),
    "seal": Entry(
        "seal",
        "seal",
        "封装一个文件，签名并只加密给一个接收方 / sign a file and encrypt it to one receiver.",
    ),
    "open": Entry(
        "seal",
        "open_",
        "验签、解密并展开一个交换包 / verify, decrypt and unpack one package; nothing is written where it is refused.",
    ),
    "quarter": Entry(
        "quarter",
        "quarter",
        "一季一览 / the quarter at a glance: owed, sent, nil, late, counts. Exit 1 when something is missing.",
    ),
    "remind": Entry(
        "remind",
        "remind",
        "催报 / write a letter to everybody who still owes a submission. Exit 4 when the daemon is not running.",
    ),
    "bulletin": Entry(
        "bulletin",
        "bulletin",
        "通报 / the bulletin of a period as page, workbook and CSV. Exit 4 when the daemon is not running.",
    ),
    "inquiries": Entry("inquiries", "app", "核查与反馈 / inquiries and replies"),
    "parcels": Entry("parcels", "app", "交换件 / parcels"),
    "deadlines": Entry("deadlines", "app", "期限 / deadlines"),
    "calendar": Entry("calendar", "app", "放假安排与工作日历 / holiday arrangements and working days"),
    "parties": Entry("parties", "app", "交换方 / parties"),
    "keys": Entry("keys", "app", "密钥及其有效期 / keys and their expiry"),
    "schemas": Entry("schemas", "app", "数据规范 / schemas of the datasets"),
    "status": Entry(
        "status",
        "status",
        "节点状态 / the node's health. Exit 1 when something is down or stopped, 4 when the daemon is not running.",
    ),
    "log": Entry("log", "app", "交换日志 / the exchange log"),
    "audit": Entry("audit", "app", "审计 / audit"),
    "backup": Entry(
        "backup",
        "backup",
        "备份运行中的节点，加密给离线密钥 / back up the running node, encrypted to the offline key.",
    ),
    "restore": Entry(
        "backup",
        "restore",
        "从备份恢复节点，然后对账 / restore a node from an archive, then reconcile it; before that it does not work.",
    ),
}
