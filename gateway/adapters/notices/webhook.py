"""A webhook: the operator's notices as JSON, signed with a key that both ends know."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from gateway.outcomes import Deferred, Ok, Outcome
from gateway.policy.facts import Webhook
from gateway.ports import Message

TIMEOUT = 20.0
SIGNATURE = "X-Gateway-Signature"


def signature(key: bytes, body: bytes) -> str:
    """What the receiver computes over the bytes it got, and compares in constant time."""
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"


class Poster:
    """Implements `ports.Notices`. A redirection is not followed: what is signed for one place is for no other."""

    def __init__(self, settings: Webhook, key: Path, node: str) -> None:
        self._url, self._key, self._node = urlsplit(settings.url), key, node

    def send(self, message: Message) -> Outcome[None]:
        """Deferred 701 for anything but an answer 2xx."""
        document = {
            "version": 1,
            "id": message.id,
            "node": self._node,
            "at": message.at,
            "subject": message.subject,
            "events": [dict(event) for event in message.events],
        }
        body = json.dumps(document, ensure_ascii=False, sort_keys=True).encode()
        try:
            key = self._key.read_bytes().strip()
            if not key:
                return Deferred("701", {"error": "NoKey"})
            headers = {"Content-Type": "application/json", SIGNATURE: signature(key, body)}
            connection = self._connection()
            try:
                target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
                connection.request("POST", target, body, headers)
                status = connection.getresponse().status
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Deferred("701", {"error": type(error).__name__})
        return Ok(None) if 200 <= status < 300 else Deferred("701", {"status": status})

    def _connection(self) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, self._url.port, timeout=TIMEOUT, context=context)
        return http.client.HTTPConnection(host, self._url.port, timeout=TIMEOUT)
