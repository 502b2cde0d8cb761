from pathlib import Path

import pytest

from gateway.deadlines import Calendar

CALENDAR = Path(__file__).parents[3] / "config" / "calendar"


@pytest.fixture(scope="session")
def calendar() -> Calendar:
    return Calendar.load(CALENDAR)
