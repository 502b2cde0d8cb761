"""The descriptor: canonical, complete, and read back only where everything in it agrees."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from gateway.packages import Descriptor, DescriptorError, Resource, content_digest, package_id, safe_path
from gateway.parcels import Kind

A, B = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()
FULL = Descriptor(
    agreement="migrants-inflow",
    sender="000000",
    origin="110000",
    receiver="130000",
    period="2026Q3",
    kind=Kind.REPLACE,
    revision=2,
    records=17,
    created=datetime(2026, 11, 1, 8, 30, tzinfo=timezone(timedelta(hours=8))),
    resources=(Resource("cases", "data/cases.csv", 1, A, {"fields": []}), Resource("note", "data/说明.txt", 1, B)),
    replaces="migrants-inflow_110000_130000_2026Q3_r1_00000000",
    derived_from="other",
    log_origin="node.example",
    title="跨省流入人口个案",
)


def test_the_content_digest_is_the_sum_of_sorted_lines() -> None:
    expected = hashlib.sha256(f"data/a {A}\ndata/b {B}\n".encode()).hexdigest()
    assert content_digest({"data/b": B, "data/a": A}) == expected


def test_under_a_key_it_is_an_hmac_of_them() -> None:
    lines = f"data/a {A}\ndata/b {B}\n".encode()
    assert content_digest({"data/b": B, "data/a": A}, A) == hmac.digest(bytes.fromhex(A), lines, "sha256").hex()


def test_the_id_names_everything_that_tells_packages_apart() -> None:
    assert package_id("x", "o", "r", "2026Q3", 1, "0123456789abcdef") == "x_o_r_2026Q3_r1_01234567"
    assert package_id("x", "o", "r", "", 3, "0123456789abcdef") == "x_o_r_none_r3_01234567"


def test_what_is_written_is_read_back() -> None:
    data = FULL.to_json()
    assert Descriptor.parse(data) == FULL
    assert Descriptor.parse(data).to_json() == data
    document = json.loads(data)
    assert document["gateway:format"] == 1
    assert document["gateway:package_id"] == FULL.package_id
    assert document["resources"][0]["hash"] == f"sha256:{A}"
    assert set(document) >= {"name", "created", "resources", "gateway:content_digest", "gateway:log_origin"}


def test_with_a_key_it_is_of_format_2() -> None:
    keyed = replace(FULL, digest_key=B)
    document = json.loads(keyed.to_json())
    assert (document["gateway:format"], document["gateway:digest_key"]) == (2, B)
    assert document["gateway:content_digest"] != FULL.content_digest
    assert Descriptor.parse(keyed.to_json()) == keyed


@pytest.mark.parametrize(
    "changes",
    [
        {"gateway:format": 1},
        {"gateway:format": 3},
        {"gateway:digest_key": None},
        {"gateway:digest_key": A},
        {"gateway:digest_key": B.upper()},
        {"gateway:digest_key": ""},
        {"gateway:content_digest": FULL.content_digest, "gateway:package_id": FULL.package_id},
    ],
)
def test_a_key_is_held_to_its_format_and_its_digest(changes: dict[str, Any]) -> None:
    document = json.loads(replace(FULL, digest_key=B).to_json()) | changes
    with pytest.raises(DescriptorError):
        Descriptor.parse(json.dumps(document).encode())


def test_it_is_canonical() -> None:
    keys = list(json.loads(FULL.to_json()))
    assert keys == sorted(keys)


def changed(key: str, value: Any) -> bytes:
    document = json.loads(FULL.to_json())
    if value is None:
        document.pop(key)
    else:
        document[key] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            (key, None)
            for key in json.loads(FULL.to_json())
            if key.startswith("gateway:")
            and key not in ("gateway:replaces", "gateway:derived_from", "gateway:log_origin")
        ),
        ("created", None),
        ("created", "2026-11-01T08:30:00"),
        ("created", "yesterday"),
        ("resources", None),
        ("resources", []),
        ("resources", ["data/cases.csv"]),
        ("gateway:format", 2),
        ("gateway:kind", "other"),
        ("gateway:revision", -1),
        ("gateway:revision", True),
        ("gateway:records", 1.5),
        ("gateway:receiver", "140000"),
        ("gateway:receiver", "../x"),
        ("gateway:period", "2026Q4"),
        ("gateway:content_digest", A),
        ("gateway:package_id", "x"),
        ("gateway:replaces", 1),
    ],
)
def test_one_wrong_property_is_enough(key: str, value: Any) -> None:
    with pytest.raises(DescriptorError):
        Descriptor.parse(changed(key, value))


@pytest.mark.parametrize(
    "resource",
    [
        {"path": "data/../x"},
        {"path": "/data/x"},
        {"path": "x.csv"},
        {"path": "data/cases.csv/"},
        {"hash": A},
        {"hash": f"md5:{A}"},
        {"hash": f"sha256:{A.upper()}"},
        {"bytes": -1},
        {"bytes": "1"},
        {"schema": "cases.json"},
    ],
)
def test_one_wrong_resource_is_enough(resource: dict[str, Any]) -> None:
    document = json.loads(FULL.to_json())
    document["resources"][0].update(resource)
    with pytest.raises(DescriptorError):
        Descriptor.parse(json.dumps(document).encode())


def test_doubles_are_refused() -> None:
    for path in ("data/cases.csv", "data/CASES.csv"):
        with pytest.raises(DescriptorError, match="doubled"):
            Descriptor.parse(json.dumps(_with_second(path)).encode())
    with pytest.raises(DescriptorError, match="doubled keys"):
        Descriptor.parse(FULL.to_json()[:-1] + b',"gateway:format":1}')


def _with_second(path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(FULL.to_json())
    document["resources"][1]["path"] = path
    return document


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b"{}"])
def test_what_is_no_descriptor_at_all(data: bytes) -> None:
    with pytest.raises(DescriptorError):
        Descriptor.parse(data)


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        *((path, True) for path in ("data/a.csv", "a", "data/说明.txt", "x" * 100)),
        *((path, False) for path in ("", "/a", "a/", "a//b", "./a", "a/../b", "..", "a\\b", "a\nb", "a\u202eb")),
        *((path, False) for path in ("x" * 101, "说" * 34)),
    ],
)
def test_safe_paths(path: str, safe: bool) -> None:
    assert safe_path(path) is safe


def test_created_may_be_in_utc() -> None:
    document = json.loads(FULL.to_json())
    document["created"] = "2026-11-01T00:30:00Z"
    assert Descriptor.parse(json.dumps(document).encode()).created == datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
