"""Rules of the files themselves: no private key where public facts lie, and no file that nothing reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.policy.faults import FactFault
from gateway.policy.loading import tree
from gateway.policy.loading.secrets import holds_private_key
from gateway.policy.rules.draft import Draft

_KNOWN: Final = re.compile(
    r"config/(gateway\.toml|(parties|agreements|people|calendar)/[^/]+\.toml|examples/.*|(.*/)?[^/]+\.md)"
)


def private_keys(draft: Draft) -> Iterator[FactFault]:
    """No private key lies below `config/` or `keys/`. Hidden files and editors' leftovers are looked into too: they are
    copied and backed up like the rest."""
    for file in map(str, tree.paths(draft.home, ("config", "keys"), leftovers=True)):
        try:
            private = holds_private_key((draft.home / file).read_bytes())
        except OSError:
            yield FactFault(file, 1, "cannot be read", "无法读取")
            continue
        if private:
            message = "a private key: it belongs in the node's private folder, and must now count as disclosed"
            yield FactFault(file, 1, message, "私钥不能放在这里，应放在节点的 private 文件夹；请视为已泄露")


def unread(draft: Draft) -> Iterator[FactFault]:
    """A file below `config/` that nothing reads holds facts that are not in force. A private key is a fault already."""
    for file, content in draft.contents.items():
        if file.startswith("config/") and not _KNOWN.fullmatch(file) and not holds_private_key(content):
            yield FactFault(file, 1, "nobody reads this file", "没有程序会读取此文件")
