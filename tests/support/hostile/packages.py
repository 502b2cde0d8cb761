"""The inside of a package: tar in zstd, and the descriptor's JSON."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import zstandard

from gateway.packages import DESCRIPTOR
from support.hostile.workbooks import deep
from support.packed import CONTENT, describe, packed

_END = bytes(1024)


def header(name: str, size: int, kind: bytes = b"0", link: str = "") -> bytes:
    """A ustar header that says anything."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info.tobuf(tarfile.GNU_FORMAT if size >= 8 << 30 else tarfile.USTAR_FORMAT)


def member(name: str, data: bytes, kind: bytes = b"0") -> bytes:
    return header(name, len(data), kind) + data + bytes(-len(data) % 512)


def listed(**sizes: int) -> bytes:
    """A descriptor that lists members of these sizes, none of which is there."""
    document: dict[str, Any] = json.loads(describe().to_json())
    digest = hashlib.sha256(b"").hexdigest()
    document["resources"] = [
        {"name": name, "path": f"data/{name}", "bytes": size, "hash": f"sha256:{digest}"}
        for name, size in sizes.items()
    ]
    return json.dumps(document).encode()


def cases() -> Iterator[tuple[str, bytes]]:
    """Every archive of the table, compressed."""
    first, second = member(DESCRIPTOR, describe().to_json()), member("data/cases.csv", CONTENT)
    shrink = zstandard.ZstdCompressor(level=3).compress
    for name, text in deep():
        yield f"a descriptor of {name}", shrink(member(DESCRIPTOR, text) + second + _END)
    for size in (1 << 20, 1 << 30, 8 << 30, 1 << 50, (1 << 63) - 1):
        yield f"a descriptor of {size} bytes, by its header", shrink(header(DESCRIPTOR, size) + bytes(2048))
        yield f"a member of {size} bytes, by its header", shrink(first + header("data/cases.csv", size) + bytes(2048))
        yield f"a list of {size} bytes", shrink(member(DESCRIPTOR, listed(a=size)) + _END)
    yield (
        "a list of a hundred thousand members",
        shrink(member(DESCRIPTOR, listed(**{f"m{n}": 0 for n in range(100_000)})) + _END),
    )
    for kind in (b"1", b"2", b"3", b"4", b"6", b"7", b"L", b"K", b"S", b"x", b"g", b"V", b"M", b"\x7f"):
        yield (
            f"a member of kind {kind!r}",
            shrink(first + header("data/cases.csv", 0, kind, "/etc/passwd") + second + _END),
        )
    for name in ("../evil", "/evil", "data/../../evil", "data//cases.csv", "data/./x", "data\\x", "data/x\n", "evil"):
        yield f"a member called {name!r}", shrink(first + member(name, b"x") + second + _END)
    yield "one member twice", shrink(first + second + second + _END)
    yield "no member", shrink(first + _END)
    yield "no end", shrink(first + second)
    yield "no descriptor", shrink(second + _END)
    yield "a second archive behind the first", shrink(first + second + _END + first + second + _END)
    yield "zeros behind the end, 200 MiB", shrink(first + second + _END + bytes(200 << 20))
    yield "a member of zeros, 200 MiB", shrink(first + member("data/zeros", bytes(200 << 20)) + _END)
    yield "nothing but zeros, 200 MiB", shrink(bytes(200 << 20))
    yield "headers without end", shrink(first + header("data", 0, b"5") * 100_000)
    for log in (27, 30, 31):
        parameters = zstandard.ZstdCompressionParameters(window_log=log, enable_ldm=False, compression_level=1)
        stream = io.BytesIO()
        with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(stream, closefd=False) as writer:
            writer.write(first + member("data/zeros", bytes(32 << 20)) + _END)
        yield f"a window of 2^{log}", stream.getvalue()
    good = packed()
    for share in (0.0, 0.1, 0.5, 0.9, 0.999):
        yield f"cut off at {share}", good[: int(len(good) * share)]
    yield "a frame behind the frame", good + shrink(b"more")
    yield "a hundred thousand empty frames", shrink(b"") * 20_000
    yield "a skippable frame that never ends", b"\x50\x2a\x4d\x18\xff\xff\xff\x7f" + bytes(1000)
    yield "gzip", b"\x1f\x8b" + bytes(1000)
    yield "noise", hashlib.shake_256(b"noise").digest(60_000)
