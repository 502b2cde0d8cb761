"""Digests for those who hold a key, and noise for everybody else.

The exchange log is copied to partners and auditors. A plain hash of a record, of a part with few records or of the file
they came in is found by trying where most of a record is known. So nothing that tells of records is a plain hash there:
each parcel has one key of 32 random bytes, kept in the ledger until the parcel is erased, and from it come, by
HMAC-SHA256 (RFC 2104), keys for one purpose each.

```
salt of the file's name            HMAC(parcel key, "name")
salt of the file's own digest      HMAC(parcel key, "content")        in the sender's receipt, as `salt`
key of a part                      HMAC(parcel key, "part:<part>")    in its receivers' packages, as `digest_key`
digest of a part's records         Σ SHA-256(line) + HMAC(key of the part, "records"), modulo 2^256
content digest of a package        HMAC(key of the part, the lines `path sha256`)
digest of the file as it came      HMAC(salt, its SHA-256 in hexadecimal)
```

A part's digest is covered by a number that only its own key gives, used once, so it tells nothing of the records; the
sum over parts stays the digest of the whole; and the key of one part opens no other. Keys and digests are hexadecimal.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

KEY_BYTES: Final = 32
MODULUS: Final = 1 << 256
NAME, CONTENT, RECORDS, PART = "name", "content", "records", "part:"


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_hex(KEY_BYTES)


def keyed(key: str, text: str) -> str:
    """HMAC-SHA256 of a text. `ValueError` for a key that is not hexadecimal."""
    return hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()


def part_key(key: str, part: str) -> str:
    """The key of one part, out of its parcel's: it goes to the receivers of that part."""
    return keyed(key, PART + part)


def covered(key: str, digest: str) -> str:
    """The digest of a part's records as others may see it: `digest` is the plain sum, `key` that of the part."""
    return added((digest, keyed(key, RECORDS)))


def added(digests: Iterable[str]) -> str:
    """The sum of digests, modulo 2^256."""
    return f"{sum(int(digest, 16) for digest in digests) % MODULUS:064x}"
