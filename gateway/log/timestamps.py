"""RFC 3161: requests to a time-stamping authority, and judging its tokens.

A token covers the text of a checkpoint (origin, size, root; not the signature lines, so cosignatures may join later):
`openssl ts -verify -in 123.tsr -data <text> -CAfile ca.pem` says the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)


class BadToken(ValueError):
    """Not a token, not over this text, or not of a trusted authority."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """The certificates that are trusted: roots, and those between."""

    roots: tuple[x509.Certificate, ...]

    @classmethod
    def load(cls, pem: bytes) -> Authorities:
        """`ValueError` when the file holds no certificate."""
        return cls(tuple(x509.load_pem_x509_certificates(pem)))


def request(text: bytes) -> bytes:
    """The DER of a request over `text`, with a nonce and the wish for the authority's certificate."""
    return TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).build().as_bytes()


def judge(token: bytes, text: bytes, authorities: Authorities | None) -> datetime:
    """The time a response attests for `text`. Without `authorities` its signature is not judged, only what it covers.
    Raises `BadToken`."""
    try:
        response: TimeStampResponse = decode_timestamp_response(token)
        info = response.tst_info
        if bytes(info.message_imprint.message) != hashlib.sha256(text).digest():
            raise BadToken("it covers something else")
        moment = info.gen_time
    except ValueError as error:
        raise error if isinstance(error, BadToken) else BadToken("not a token") from None
    if authorities is not None:
        _trusted(response, text, authorities.roots)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _trusted(response: TimeStampResponse, text: bytes, roots: Sequence[x509.Certificate]) -> None:
    builder = VerifierBuilder()
    for root in roots:
        builder = builder.add_root_certificate(root)
    try:
        builder.build().verify_message(response, text)
    except VerificationError:
        raise BadToken("not signed by a trusted authority") from None
