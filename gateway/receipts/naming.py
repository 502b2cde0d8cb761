"""File names that a liaison sees, safe on Windows, on Linux and between the double quotes of a command line."""

from __future__ import annotations

import re
import unicodedata

from gateway.parcels import Kind
from gateway.policy.facts import Language, Profile
from gateway.receipts.listing import DistributionList
from gateway.receipts.receipt import Receipt
from gateway.receipts.words import Words

# Windows forbids the first nine; the rest would be read by a shell between double quotes (bash, cmd, PowerShell).
_UNSAFE = re.compile(r'[<>:"/\\|?*$`!%^&\']')
_LONGEST = 120


def safe(text: str, longest: int = _LONGEST) -> str:
    """One segment of a file name: at most `longest` bytes of UTF-8, no separator, no control or direction mark, no
    leading or trailing dot or blank; never empty."""
    text = unicodedata.normalize("NFC", text)
    text = "".join("_" if unicodedata.category(sign)[0] in "CZ" and sign != " " else sign for sign in text)
    text = _UNSAFE.sub("_", text)
    text = text.encode("utf-8", "ignore")[:longest].decode("utf-8", "ignore").strip(" .")
    return text or "_"


def joined(*segments: str) -> str:
    """The segments of a name; what is empty is left out."""
    return "_".join(segment for segment in segments if segment)


def status_word(receipt: Receipt, language: Language) -> str:
    """The one word that a folder listing shows: 已接收, 部分退回, 已退回, …"""
    words = Words(language)
    if receipt.code == "220":
        return words("status.duplicate")
    if receipt.stage == "accepted" and receipt.detail.get("missing"):
        return words("status.part")
    if receipt.stage == "accepted" and receipt.kind in {Kind.NIL, Kind.VOID}:
        return words(f"status.{receipt.kind}")
    return words(f"status.{receipt.stage}")


def file_name(receipt: Receipt, label: str, language: Language, suffix: str = ".html") -> str:
    """`回执_<number>_<period>_<label>_<已接收|部分退回|已退回|…>.html`; with `suffix=".receipt.json"` the name of the
    same for programs. `label` is the agreement's."""
    words = Words(language)
    period = safe(receipt.period, 16) if receipt.period else ""
    parts = joined(words("file.receipt"), receipt.number, period, safe(label), status_word(receipt, language))
    return parts + suffix


def list_name(listing: DistributionList, receiver: str, language: Language = "zh", suffix: str = ".json") -> str:
    """`分发清单_<period>_第<n>批_<receiver>.json`, or `.html` for people. `receiver` is how the party is called."""
    return _batch_name("file.list", listing, receiver, language) + suffix


FORM, BARE_FORM = ".receipt.json", ".receipt.txt"
"""How the names of forms end. One that is returned unsigned must not look like the sidecar (`name.json`) of another
file."""


def form_name(listing: DistributionList, receiver: str, language: Language = "zh", profile: Profile = "openpgp") -> str:
    """`签收单_<period>_<label>_第<n>批_<receiver>.receipt.json`: what the receiver signs. The name holds the label,
    since the signatures of all agreements are dropped into one folder."""
    ending = BARE_FORM if profile == "plain-folder" else FORM
    return _batch_name("file.form", listing, receiver, language, safe(listing.label)) + ending


def sheet_name(listing: DistributionList, receiver: str, language: Language = "zh") -> str:
    """`交接单_<period>_第<n>批_<receiver>.html`: what is printed, signed and sealed."""
    return _batch_name("file.sheet", listing, receiver, language) + ".html"


def _batch_name(key: str, listing: DistributionList, receiver: str, language: Language, label: str = "") -> str:
    words = Words(language)
    period = safe(listing.period, 16) if listing.period else ""
    return joined(words(key), period, label, words("file.batch", batch=listing.batch), safe(receiver))
