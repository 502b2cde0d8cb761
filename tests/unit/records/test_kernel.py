"""The compiled engine's code: where it is kept and found, what is not loaded, and how it goes on without it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.outcomes import Ok
from gateway.policy.loading import find
from gateway.ports import ExamineJob
from gateway.records import cells, examine, kernel, text
from gateway.records.kernel import charactertables, digesting, linking, loading

SCHEMAS = find() / "schemas"
HEAD = (
    "household_code,name,sex,residence_address,residence_code,registered_address,registered_code,id_number,birth_date,"
    "education,household_type,marital_status,migration_reason,migration_date,return_date,family_migration,"
    "spouse_accompanying"
)
LINE = (
    ",示例甲,2,示例省示例市1号,110101001001,示例省示例县2号,440103001001,"
    "110101199001010007,19900101,70,9,10,1,20260301,,0,"
)
WITHOUT = """
import json, pathlib, sys
sys.modules[sys.argv[1]] = None
from gateway.ports import ExamineJob
from gateway.records import examine
from gateway.records.kernel import prepare
folder = pathlib.Path(sys.argv[2])
if sys.argv[1] == "numba":
    from gateway.records.kernel import loading
    loading.BESIDE = folder / "nothing"
job = ExamineJob(folder / "in.csv", folder / sys.argv[1], pathlib.Path(sys.argv[3]), "migrants-inflow", "1",
                 "registered_code", "11", "2026-09-30")
value = examine(job, threads=2).value
print(json.dumps([prepare(folder / "cache"), value.engine, value.records, value.accepted, value.digest]))
"""


@pytest.fixture(scope="module")
def code() -> bytes:
    """Compiled code, made by whoever needed it first."""
    assert kernel.prepare(), "the engine compiles here"
    path = loading.find(loading.folders(None))
    assert path is not None
    return path.read_bytes()[32:]


def test_it_is_kept_in_the_first_folder_that_takes_it_and_found_again(code: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    read_only, cache = tmp_path / "file" / "compiled", tmp_path / "cache" / "compiled"
    path = loading.keep(code, [read_only, cache])
    assert path.parent == cache
    assert path.stat().st_mode & 0o777 == 0o644
    assert loading.find([read_only, tmp_path, cache]) == path
    with pytest.raises(OSError):
        loading.keep(code, [read_only])


def test_code_that_is_damaged_or_that_others_could_have_written_is_not_loaded(code: bytes, tmp_path: Path) -> None:
    path = loading.keep(code, [tmp_path])
    loading.Machine(path)
    path.chmod(0o666)
    with pytest.raises(loading.NotLoaded):
        loading.Machine(path)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(loading.NotLoaded):
        loading.Machine(path)


def test_digests_are_the_same_by_the_processor_and_through_libcrypto(code: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"{HEAD}\n" + f"{LINE}\n" * 50 + f"{LINE}1,\n" * 7, "utf-8")
    machine = loading.Machine(loading.keep(code, [tmp_path]))
    found = []
    for hardware in {machine.hardware, False}:
        digesting.prove(machine, hardware)
        job = ExamineJob(
            tmp_path / "in.csv", tmp_path / "o", SCHEMAS, "migrants-inflow", "1", "registered_code", "11", "2026-09-30"
        )
        outcome = examine(job, threads=1)
        assert isinstance(outcome, Ok)
        found.append(dataclasses.replace(outcome.value, engine=""))
    digesting.prove(machine, machine.hardware)
    plain = examine(job, threads=0)
    assert isinstance(plain, Ok)
    assert found == [dataclasses.replace(plain.value, engine="")] * len(found)


def test_what_is_no_object_file_for_this_processor_is_not_linked(code: bytes) -> None:
    """Neither text, nor machine code that is linked already, nor an object file for another kind of processor."""
    arm = b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + (183).to_bytes(2, "little")
    for made in (b"", b"no object file", code, arm.ljust(64, b"\0")):
        with pytest.raises(linking.NotLinked):
            linking.link(made, {"judge": ""})


def test_another_version_or_processor_is_another_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = loading.file_name()
    for part in loading.HERE.glob("*.py"):
        (tmp_path / part.name).write_bytes(part.read_bytes())
    monkeypatch.setattr(loading, "HERE", tmp_path)
    loading.file_name.cache_clear()
    assert loading.file_name() == before
    (tmp_path / "values.py").write_text("# other rules")
    loading.file_name.cache_clear()
    assert loading.file_name() != before
    loading.file_name.cache_clear()


@pytest.mark.parametrize(("missing", "expected"), [("numba", "plain"), ("llvmlite", "kernel")])
def test_what_is_kept_needs_no_compiler_and_without_it_the_plain_engine_gives_the_same(
    code: bytes, missing: str, expected: str, tmp_path: Path
) -> None:
    """Nothing compiled before and no numba; or no compiler at all, and what was kept."""
    (tmp_path / "in.csv").write_text(f"{HEAD}\n{LINE}\n{LINE}1,\n", "utf-8")
    command = [sys.executable, "-c", WITHOUT, missing, str(tmp_path), str(SCHEMAS)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(Path(kernel.__file__).parents[3])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    ready, engine, records, accepted, digest = json.loads(done.stdout)
    assert (ready, engine, records, accepted) == (expected == "kernel", expected, 2, 1)
    assert int(digest, 16)


def test_the_tables_of_characters_say_what_the_plain_engine_says() -> None:
    """Every 17th character of the BMP, every row's edges of GB 18030, and all that is put right."""
    repertoire = text.repertoire(SCHEMAS)
    tables = charactertables.characters(repertoire)
    some = {*range(0, 0xD800, 17), *range(0xE000, 1 << 16, 17), *map(ord, "".join(repertoire.standard) + "?[]□·•")}
    for number in some:
        char, info = chr(number), int(tables.info[number])
        assert info & charactertables.GB_LENGTH == repertoire.length(char)
        assert bool(info & charactertables.IS_UNKNOWN) == bool(cells.UNKNOWN.match(char))
        assert bool(info & charactertables.IS_DOT) == bool(cells.OTHER_DOTS.match(char))
        assert bool(info & charactertables.TO_MEND) == (char in repertoire.standard)
    for lead in range(0x81, 0xFF):
        for trail in (0x3F, 0x40, 0x7E, 0x7F, 0x80, 0xA1, 0xF9, 0xFA, 0xFE, 0xFF):
            known = repertoire.mend(bytes((lead, trail)).decode("gb18030", "replace"))
            found = int(tables.two[lead << 8 | trail])
            assert (chr(found) if found else "\ufffd") == (known if len(known) == 1 else "\ufffd")
