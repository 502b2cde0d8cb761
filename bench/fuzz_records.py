"""The byte kernel under a coverage-guided fuzzer: a result or a coded refusal, the plain engine's very bytes, and no
record lost.

    pip install atheris        # 3.0 on Python 3.11; no dependency of ours
    python -m bench.fuzz_records [CORPUS] -max_total_time=300

Not part of the tests: what it finds becomes a golden case. Coverage is taken of the Python around the kernel, which is
compiled: what reaches the kernel comes from the mangling here.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    import atheris  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    sys.exit("pip install atheris first")

with atheris.instrument_imports(include=["gateway.records"]):
    from gateway.outcomes import Ok, Outcome, Refused
    from gateway.ports import ExamineJob
    from gateway.records import Examination, examine

SCHEMAS = Path(__file__).resolve().parents[1] / "schemas"
HEADER = (
    "户编码,姓名,性别,现居住地,现居住地代码,户籍所在地,户籍所在地代码,公民身份号码,出生日期,文化程度,户口性质,"
    "婚姻状况,流动原因,流入日期,离开日期,是否家庭户流动,配偶是否随同流动"
)
GOOD = (
    ",示例甲,2,示例省示例市示例县1号,110101001001,示例省示例市示例县2号,440103001001,110101199001010007,19900101,70,9,10,"
    "1,20260301,,0,"
)
CODECS = ("utf-8", "gb18030", "utf-8-sig")


def table(data: bytes) -> bytes:
    """A file of good records, some of their cells overwritten, some bytes anywhere overwritten."""
    dice = atheris.FuzzedDataProvider(data)
    codec = CODECS[dice.ConsumeIntInRange(0, 2)]
    lines = []
    for _ in range(dice.ConsumeIntInRange(0, 6)):
        cells = GOOD.split(",")
        for _ in range(dice.ConsumeIntInRange(0, 3)):
            place = dice.ConsumeIntInRange(0, len(cells) - 1)
            cells[place] = dice.ConsumeUnicodeNoSurrogates(dice.ConsumeIntInRange(0, 24))
        lines.append(",".join(cells))
    end = ("\n", "\r\n", "\r")[dice.ConsumeIntInRange(0, 2)]
    made = bytearray(end.join([HEADER, *lines, ""]).encode(codec, "replace"))
    for _ in range(dice.ConsumeIntInRange(0, 4)):
        at = dice.ConsumeIntInRange(0, len(made))
        made[at : at + dice.ConsumeIntInRange(0, 3)] = dice.ConsumeBytes(4)
    return bytes(made)


def outcome(folder: Path, job: ExamineJob, threads: int) -> tuple[Outcome[Examination], dict[str, bytes]]:
    """What an engine makes of it: the outcome without its name, and every byte it wrote."""
    out = folder / str(threads)
    found = examine(dataclasses.replace(job, out=out), threads=threads)
    if isinstance(found, Ok):
        found = Ok(dataclasses.replace(found.value, engine=""))
    written = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    shutil.rmtree(out, ignore_errors=True)
    return found, written


def one(data: bytes) -> None:
    """One input, both engines. Raises `AssertionError` where they differ or a record is lost."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        folder = Path(scratch)
        (folder / "in.csv").write_bytes(table(data))
        job = ExamineJob(
            folder / "in.csv", folder, SCHEMAS, "migrants-inflow", "1", "registered_code", "11", "2026-09-30"
        )
        fast, plain = outcome(folder, job, 1), outcome(folder, job, 0)
    assert fast == plain, "the engines differ"
    found: Any = fast[0]
    if isinstance(found, Ok):
        value = found.value
        assert value.records == value.accepted + value.refused == sum(p.records for p in value.parts) + value.refused
    else:
        assert isinstance(found, Refused), "a fault"
        assert found.code.isdigit()


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
