"""The archive by itself: what goes in comes out, stock tar agrees, and nothing else is unpacked."""

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from support.packed import unpack

from gateway.adapters.container import BLOCK, RECORD, Caps, ContainerError, pack
from gateway.packages import DESCRIPTOR, Descriptor, Resource
from gateway.parcels import Kind

CONTENT = b"a,b\n1,2\n" * 500
CAPS = Caps(expanded=8 << 20, descriptor=64 << 10)


def describe(**members: bytes) -> bytes:
    members = members or {"data/a.csv": CONTENT}
    return Descriptor(
        agreement="migrants-inflow",
        sender="p1",
        origin="p1",
        receiver="node",
        period="2026Q3",
        kind=Kind.NEW,
        revision=1,
        records=1,
        created=datetime(2026, 11, 1, tzinfo=UTC),
        resources=tuple(
            Resource(path[5:], path, len(data), hashlib.sha256(data).hexdigest()) for path, data in members.items()
        ),
    ).to_json()


def packed(*members: tuple[str, bytes | Path]) -> bytes:
    pieces: list[bytes] = []
    pack(members or [(DESCRIPTOR, describe()), ("data/a.csv", CONTENT)], pieces.append)
    return b"".join(pieces)


def plain(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


def tar(*members: tarfile.TarInfo | tuple[str, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return stream.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def refusal(archive: bytes, into: Path, *, compressed: bool = False, caps: Caps = CAPS) -> str:
    with pytest.raises(ContainerError) as caught:
        unpack(io.BytesIO(archive if compressed else zstandard.compress(archive)), into, caps)
    return caught.value.code


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    descriptor = unpack(io.BytesIO(packed()), tmp_path, CAPS)
    assert (tmp_path / "data/a.csv").read_bytes() == CONTENT
    assert (tmp_path / DESCRIPTOR).read_bytes() == descriptor.to_json() == describe()
    assert {p.stat().st_mode & 0o777 for p in tmp_path.rglob("*")} == {0o600, 0o700}


def test_the_same_members_give_the_same_bytes(tmp_path: Path) -> None:
    file = tmp_path / "anything"
    file.write_bytes(CONTENT)
    file.chmod(0o640)
    first = packed((DESCRIPTOR, describe()), ("data/a.csv", file))
    assert first == packed((DESCRIPTOR, describe()), ("data/a.csv", CONTENT)) == packed()


def test_headers_tell_nothing() -> None:
    with tarfile.open(fileobj=io.BytesIO(plain(packed()))) as archive:
        for member in archive:
            assert (member.uid, member.gid, member.mtime, member.mode) == (0, 0, 0, 0o644)
            assert (member.uname, member.gname) == ("", "")


def test_stock_tar_reads_it_and_finds_the_end(tmp_path: Path) -> None:
    archive = plain(packed())
    assert len(archive) % RECORD == 0
    done = subprocess.run(["tar", "xv"], input=archive, cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.split() == [b"datapackage.json", b"data/a.csv"]
    assert done.stderr == b""


def test_what_stock_tools_pack_is_taken(tmp_path: Path) -> None:
    (tmp_path / "in/data").mkdir(parents=True)
    (tmp_path / "in/data/a.csv").write_bytes(CONTENT)
    (tmp_path / "in/datapackage.json").write_bytes(describe())
    script = "tar cf - datapackage.json data | zstd -1 -q"
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path / "in", capture_output=True, check=True)
    (tmp_path / "out").mkdir()
    unpack(io.BytesIO(done.stdout), tmp_path / "out", CAPS)
    assert (tmp_path / "out/data/a.csv").read_bytes() == CONTENT


GOOD = ((DESCRIPTOR, describe()), ("data/a.csv", CONTENT))


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (("../evil", b"x"), "215"),
        (("/tmp/evil", b"x"), "215"),
        (("data/../../evil", b"x"), "215"),
        (("data/./a.csv", CONTENT), "215"),
        (("data//a.csv", CONTENT), "215"),
        (("data\\evil", b"x"), "215"),
        (("data/a\nb", b"x"), "215"),
        (("data/unlisted.csv", b"x"), "215"),
        (("data/a.csv", CONTENT), "215"),
        ((DESCRIPTOR, describe()), "215"),
        (special("data/link", tarfile.SYMTYPE, "/etc/passwd"), "215"),
        (special("data/a.csv", tarfile.SYMTYPE, "x"), "215"),
        (special("data/a.csv", tarfile.LNKTYPE, "datapackage.json"), "215"),
        (special("data/a.csv", tarfile.CHRTYPE), "215"),
        (special("data/a.csv", tarfile.FIFOTYPE), "215"),
        (special("data/a.csv", tarfile.CONTTYPE), "215"),
        (special("data/elsewhere", tarfile.DIRTYPE), "215"),
        (special("..", tarfile.DIRTYPE), "215"),
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_unsafe_members(tmp_path: Path, extra: tarfile.TarInfo | tuple[str, bytes], code: str, last: bool) -> None:
    members = (*GOOD, extra) if last else (GOOD[0], extra, GOOD[1])
    assert refusal(tar(*members), tmp_path) == code
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_extended_headers_are_not_followed(tmp_path: Path, form: int) -> None:
    assert refusal(tar(GOOD[0], ("data/" + "a" * 200, b"x"), form=form), tmp_path) == "215"


def damaged_content() -> bytes:
    return tar(GOOD[0], ("data/a.csv", CONTENT[:-1] + b"!"))


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "content changed": (damaged_content, "214"),
    "shorter than listed": (lambda: tar(GOOD[0], ("data/a.csv", CONTENT[:-1])), "214"),
    "longer than listed": (lambda: tar(GOOD[0], ("data/a.csv", CONTENT + b"x")), "214"),
    "a listed member is missing": (lambda: tar(GOOD[0]), "214"),
    "the descriptor is not first": (lambda: tar(*reversed(GOOD)), "215"),
    "no descriptor": (lambda: tar(GOOD[1]), "215"),
    "empty archive": (lambda: bytes(RECORD), "215"),
    "descriptor is no JSON": (lambda: tar((DESCRIPTOR, b"{"), GOOD[1]), "214"),
    "descriptor is longer than its cap": (lambda: tar((DESCRIPTOR, bytes(70_000)), GOOD[1]), "216"),
    "a second archive after the end": (lambda: tar(*GOOD) + tar(("data/evil", b"x")), "215"),
    "no end mark": (lambda: plain(packed())[: 4 * BLOCK + 4096], "214"),
    "rubbish": (lambda: b"rubbish" * 1000, "214"),
    "listed beyond the cap": (
        lambda: tar((DESCRIPTOR, describe().replace(b'"bytes":4000', b'"bytes":9999999'))),
        "216",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_damaged_archives(tmp_path: Path, name: str) -> None:
    make, code = CASES[name]
    assert refusal(make(), tmp_path) == code


def test_a_bomb_stops_at_the_cap_before_it_is_written(tmp_path: Path) -> None:
    zeros = bytes(64 << 20)
    listed = tar((DESCRIPTOR, describe(**{"data/a.csv": zeros})), ("data/a.csv", zeros))
    padded = tar(*GOOD) + zeros
    for number, archive in enumerate((listed, padded)):
        bomb = zstandard.compress(archive)
        assert len(bomb) < 100_000
        into = tmp_path / str(number)
        into.mkdir()
        assert refusal(bomb, into, compressed=True) == "216"
        assert sum(p.stat().st_size for p in into.rglob("*") if p.is_file()) < 100_000


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_stream(tmp_path: Path, share: float) -> None:
    data = packed()
    assert refusal(data[: int(len(data) * share)], tmp_path, compressed=True) == "214"


def test_names_that_cannot_travel_are_not_packed() -> None:
    for name in ("../x", "/x", "", "a" * 101, "data/a\x00"):
        with pytest.raises(ValueError, match="unsafe"):
            packed((name, b""))
    with pytest.raises(ValueError, match="doubled"):
        packed(("a", b""), ("a", b""))


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, len(plain(packed())) - 1), value=st.integers(1, 255))
def test_any_changed_byte_is_refused_or_leaves_the_data_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int
) -> None:
    """Beside digests, lengths and ids, the signature around it holds what the descriptor says, not the archive."""
    archive = bytearray(plain(packed()))
    archive[position] ^= value
    into = tmp_path_factory.mktemp("changed")
    try:
        descriptor = unpack(io.BytesIO(zstandard.compress(bytes(archive))), into, CAPS)
    except ContainerError:
        return
    assert (into / "data/a.csv").read_bytes() == CONTENT
    assert descriptor.package_id == Descriptor.parse(describe()).package_id
