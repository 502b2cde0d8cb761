"""A zip archive with datapackage.json and one table: the table is read; anything else is refused with a code."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from gateway.outcomes import Refused
from tests.unit.records.conftest import FIELDS, Examiner, good

TABLE = ("\n".join([",".join(FIELDS), ",".join(good().values())]) + "\n").encode()
RIGHT = {"path": "data/cases.csv", "bytes": len(TABLE), "hash": f"sha256:{hashlib.sha256(TABLE).hexdigest()}"}


def package(*resources: Any, **members: bytes) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        archive.writestr("datapackage.json", json.dumps({"name": "x", "resources": list(resources)}))
        for name, data in (members or {"data/cases.csv": TABLE}).items():
            archive.writestr(name, data)
    return made.getvalue()


@pytest.mark.parametrize("resource", [RIGHT, {"path": "data/cases.csv"}])
def test_the_table_of_a_package_is_read(examiner: Examiner, resource: dict[str, Any]) -> None:
    examined = examiner(package(resource))
    assert (examined.found.records, examined.found.accepted) == (1, 1)
    assert len(examined.part("44")) == 1
    assert {path.name for path in examined.job.out.iterdir()} == {"parts", "refused.csv", "violations.csv"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (package(), "301"),
        (package(RIGHT, RIGHT), "301"),
        (package({"path": "../cases.csv"}), "301"),
        (package({"path": "/etc/passwd"}), "301"),
        (package({"path": ["data/cases.csv"]}), "301"),
        (package({"path": "data/other.csv"}), "301"),
        (package({**RIGHT, "bytes": 7}), "311"),
        (package({**RIGHT, "hash": "sha256:" + "0" * 64}), "311"),
        (package(RIGHT)[:-30], "311"),
    ],
)
def test_what_is_no_package_of_one_table_is_refused(examiner: Examiner, data: bytes, code: str) -> None:
    outcome = examiner(data).outcome
    assert isinstance(outcome, Refused)
    assert outcome.code == code
