"""Templates of `pages/`, rendered to self-contained bytes. No file is written here."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache

import jinja2
from markupsafe import Markup, escape

from gateway.instants import SHANGHAI
from gateway.policy.facts import Language
from gateway.receipts.words import Words, area, groups, moment, plain, share, short_moment, thousands

_COMMAND = re.compile(r"gateway parcels \w+ [\w.-]+")
_WHOLE = re.compile(r"\d{4}-\d\d-\d\d|第[\d、]+份")


def render(template: str, language: Language, **context: object) -> bytes:
    """A template of `pages/`, its texts in `language`. Everything is escaped; an unknown name raises."""
    return _environment().get_template(template).render(t=Words(language), **context).encode("utf-8")


def _second(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _dated(text: str) -> Markup:
    """Text whose dates and numbers of parts do not break at the end of a line."""
    return Markup(_WHOLE.sub(r'<span class="nowrap">\g<0></span>', str(escape(plain(text)))))  # noqa: S704 - escaped


def _commands(text: str) -> Markup:
    """Text whose commands of this program stand out and do not break."""
    return Markup(_COMMAND.sub(r"<code>\g<0></code>", str(escape(plain(text)))))  # noqa: S704 - escaped


def _grouped(digest: str) -> str:
    return " ".join(groups(digest))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gateway.receipts", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        n=thousands,
        groups=_grouped,
        plain=plain,
        moment=moment,
        short=short_moment,
        second=_second,
        share=share,
        dated=_dated,
        commands=_commands,
        area=area,
    )
    return environment
