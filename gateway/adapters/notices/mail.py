"""Mail: handed to one server over SMTP."""

from __future__ import annotations

import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from gateway.outcomes import Deferred, Ok, Outcome
from gateway.policy.facts import Mail
from gateway.ports import Message

TIMEOUT = 20.0


class Mailer:
    """Implements `ports.Notices`. The password is read at each login, so that it can be changed at any time."""

    def __init__(self, settings: Mail, password: Path, authorities: Path | None, node: str) -> None:
        self._settings, self._password = settings, password
        self._authorities, self._node = authorities, node

    def send(self, message: Message) -> Outcome[None]:
        """Deferred 701 when the server is away, unknown or says no. Only the class of the error is told: a server's
        words hold addresses."""
        try:
            with self._connect() as server:
                if self._settings.username:
                    server.login(self._settings.username, self._password.read_text("utf-8").strip())
                server.send_message(self._compose(message), self._settings.sender, list(message.to))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return Deferred("701", {"error": type(error).__name__})
        return Ok(None)

    def _connect(self) -> smtplib.SMTP:
        chosen = self._settings
        if chosen.security == "none":
            return smtplib.SMTP(chosen.host, chosen.port, self._node, TIMEOUT)
        context = ssl.create_default_context(cafile=str(self._authorities) if self._authorities else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if chosen.security == "tls":
            return smtplib.SMTP_SSL(chosen.host, chosen.port, self._node, timeout=TIMEOUT, context=context)
        server = smtplib.SMTP(chosen.host, chosen.port, self._node, TIMEOUT)
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server

    def _compose(self, message: Message) -> EmailMessage:
        """The same message has the same Message-ID: one that is sent twice is shown once."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._settings.sender, ", ".join(message.to), message.subject
        mail["Date"] = format_datetime(datetime.fromisoformat(message.at))
        mail["Message-ID"] = f"<{message.id}@{self._node}.gateway>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["Content-Language"] = message.language
        mail.set_content(message.text, cte="base64")
        return mail
