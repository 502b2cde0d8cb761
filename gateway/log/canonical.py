"""RFC 8785 for what the log holds: objects of strings, whole numbers, lists and such objects.

The standard library's encoder writes the same bytes as RFC 8785 wherever the text is ASCII (its key order differs
only above the basic plane, its escapes not at all), some ten times faster than `rfc8785`; everything else goes to
that library. A property test holds the two equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

import rfc8785

SAFE = 2**53 - 1
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def _no_number(_text: str) -> NoReturn:
    raise ValueError("a number that is not whole")


_decoder = json.JSONDecoder(parse_float=_no_number, parse_constant=_no_number)


def _encoding() -> Callable[[Any], str]:
    """`_encoder.encode`; where the interpreter has the C encoder, made once instead of once per call."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    chunks = make(None, _encoder.default, json.encoder.encode_basestring, None, ":", ",", True, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode = _encoding()


def dumps(value: dict[str, Any]) -> bytes:
    """Canonical bytes. `ValueError` for text that is no Unicode; the caller sees to the range of numbers (`SAFE`)."""
    text = _encode(value)
    if text.isascii():
        return text.encode("ascii")
    return rfc8785.dumps(value)


def loads(data: bytes) -> dict[str, Any]:
    """The object whose canonical bytes are `data`. `ValueError` for anything else: another spelling, order or spacing,
    a key twice, a number that is not whole, bytes that are no UTF-8."""
    text = data.decode("utf-8")
    try:
        value, end = _decoder.raw_decode(text)
        if not isinstance(value, dict) or end != len(text):
            raise ValueError("not in canonical form")
        if (_encode(value) != text) if text.isascii() else (rfc8785.dumps(value) != data):
            raise ValueError("not in canonical form")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value
