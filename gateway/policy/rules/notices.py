"""Rules for notices: what leaves the machine is encrypted, and every file that is named is there."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from gateway.policy.loading import Draft

_NODE: Final = "config/gateway.toml"
Fault = Callable[[str, tuple[str | int, ...], str, str], None]


def judge(draft: Draft, fault: Fault) -> None:
    """Every fault of `[notices]`."""
    if draft.node is None:
        return
    mail, hook = draft.node.notices.mail, draft.node.notices.webhook
    if mail is not None:
        if mail.security == "none" and not _here(mail.host):
            message = "without encryption only to a server on this machine"
            fault(_NODE, ("notices", "mail", "security"), message, "不加密时只能使用本机的邮件服务器")
        if mail.ca and f"keys/{mail.ca}" not in draft.contents:
            message = f"keys/{mail.ca} is missing"
            fault(_NODE, ("notices", "mail", "ca"), message, f"缺少 keys/{mail.ca}")
    if hook is not None:
        url = urlsplit(hook.url)
        if url.scheme != "https" and not _here(url.hostname or ""):
            message = "http only to this machine: use https"
            fault(_NODE, ("notices", "webhook", "url"), message, "非本机地址须使用 https")


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
