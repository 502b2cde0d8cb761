"""What is damaged is wrong in the way it says, and in no other."""

from __future__ import annotations

from datetime import date

import pytest
from support.judge import judge

from gateway.demo.faults import FILE_CODES, ROW_CODES, STRUCTURAL, FileFault, RowFault, damage
from gateway.demo.flows import weights
from gateway.demo.people import INFLOW, OUTFLOW, Sample, dice, people
from gateway.outcomes import catalogue

AS_OF = date(2026, 9, 30)
WRONG = {
    RowFault.BAD_CHECKSUM: {"checksum"},
    RowFault.BIRTH_MISMATCH: {"birth"},
    RowFault.UNKNOWN_CODE: {"education", "sex", "household_type", "migration_reason"},
    RowFault.UNKNOWN_REGION: {"region"},
    RowFault.OWN_PROVINCE: {"own"},
    RowFault.SAME_PROVINCE: {"same"},
    RowFault.AWAY_TOO_SHORT: {"away"},
    RowFault.AFTER_AS_OF: {"later"},
    RowFault.MISSING_NAME: {"nameless"},
    RowFault.QUESTION_MARK: {"name"},
    RowFault.EXCEL_TAIL: {"tail"},
    RowFault.EXCEL_FLOAT: {"damaged"},
    RowFault.NO_SPOUSE_FLAG: {"spouse"},
    RowFault.NO_PARTNER: {"partner"},
}


def test_every_fault_is_covered_here() -> None:
    assert set(WRONG) == set(RowFault) - STRUCTURAL


@pytest.mark.parametrize("agreement", [INFLOW, OUTFLOW])
@pytest.mark.parametrize("own", ["44", "66"])
@pytest.mark.parametrize("fault", sorted(WRONG))
def test_a_damaged_record_has_that_fault_and_no_other(fault: RowFault, own: str, agreement: str) -> None:
    throw = dice("damage", fault)
    rows = people(Sample(agreement, own, AS_OF, 200, weights(agreement, own), "f"))
    for row in rows:
        found = judge(damage(fault, row, agreement, AS_OF, throw), agreement, own, AS_OF)
        assert len(found) == 1
        assert found <= WRONG[fault]


@pytest.mark.parametrize("fault", sorted(RowFault))
def test_damaged_records_keep_numbers_that_were_never_issued(fault: RowFault) -> None:
    throw = dice("serials", fault)
    for row in people(Sample(INFLOW, "44", AS_OF, 200, weights(INFLOW, "44"), "f")):
        number = damage(fault, row, INFLOW, AS_OF, throw)[7]
        assert number == "1.10101E+17" or number[14:17] in ("000", "997", "999")


def test_the_codes_are_in_the_catalogue() -> None:
    assert set(ROW_CODES) == set(RowFault)
    assert set(FILE_CODES) == set(FileFault)
    named = set(ROW_CODES.values()).union(*FILE_CODES.values())
    assert named <= set(catalogue())
