"""Ways of telling people something outside their folders: mail, and a webhook for the operator."""

from gateway.adapters.notices.mail import Mailer
from gateway.adapters.notices.webhook import Poster

__all__ = ["Mailer", "Poster"]
