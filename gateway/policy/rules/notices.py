"""Rules of notices: what leaves the machine is encrypted, and every file that is named is there."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.policy.faults import FactFault
from gateway.policy.finding import NODE
from gateway.policy.rules.draft import Draft


def mail(draft: Draft) -> Iterator[FactFault]:
    """Mail is handed over unencrypted to a server on this machine alone; the authorities it is held to are there."""
    server = draft.node.notices.mail if draft.node else None
    if server is None:
        return
    if server.security == "none" and not _here(server.host):
        message = "without encryption only to a server on this machine"
        yield draft.fault(NODE, ("notices", "mail", "security"), message, "不加密时只能使用本机的邮件服务器")
    if server.ca and f"keys/{server.ca}" not in draft.contents:
        message = f"keys/{server.ca} is missing"
        yield draft.fault(NODE, ("notices", "mail", "ca"), message, f"缺少 keys/{server.ca}")


def webhook(draft: Draft) -> Iterator[FactFault]:
    """Notices are posted over https, or to this machine."""
    hook = draft.node.notices.webhook if draft.node else None
    if hook is None:
        return
    url = urlsplit(hook.url)
    if url.scheme != "https" and not _here(url.hostname or ""):
        message = "http only to this machine: use https"
        yield draft.fault(NODE, ("notices", "webhook", "url"), message, "非本机地址须使用 https")


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
