"""What a single text of a fact may look like, and the base of every fact: frozen, unknown keys are faults."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints

Tier = Literal["national", "province", "county", "department", "township"]
RANK: Final[dict[Tier, int]] = {"department": 0, "township": 1, "county": 2, "province": 3, "national": 4}
"""Which level is above which."""
TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
Language = Literal["zh", "en"]
# What a text of each form must be, in both languages, for the faults that name it.
FORMS: dict[str, tuple[str, str]] = {
    (IDENTIFIER := r"^[a-z0-9][a-z0-9-]{0,47}$"): ("small letters, digits and dashes", "小写字母、数字和短横"),
    (_AREA_CODE := r"^[0-9]{6}([0-9]{6})?$"): ("6 or 12 digits", "6 位或 12 位数字"),
    (_FINGERPRINT := r"^[0-9A-F]{40}$"): ("40 hexadecimal digits in capitals", "40 位大写十六进制数字"),
    (_SM_FINGERPRINT := r"^[0-9a-f]{64}$"): ("64 hexadecimal digits in small letters", "64 位小写十六进制数字"),
    (_MONTH_DAY := r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"): ("MM-DD, such as 05-01", "月-日，例如 05-01"),
    (_HOUR := r"^([01][0-9]|2[0-3]):[0-5][0-9]$"): ("an hour, such as 09:00", "时刻，例如 09:00"),
    (_CLOCK := r"^(workdays|days):[1-9][0-9]{0,3}(,(roll|cutoff|after-hours)=[a-z0-9:]+)*$"): (
        "workdays:N or days:N, with options",
        "workdays:N 或 days:N，可加选项",
    ),
    (URL := r"^https?://[^/?#]+"): ("an address, https://…", "网址 https://…"),
    (FOLDER := r"^[^/\x00-\x1f]*$"): ("a folder's name", "文件夹名"),
    (LABEL := r"^[^/\x00-\x1f]+$"): ("a folder's name, not empty", "文件夹名，不能为空"),
}

Identifier = Annotated[str, StringConstraints(pattern=IDENTIFIER)]
AreaCode = Annotated[str, StringConstraints(pattern=_AREA_CODE)]
Fingerprint = Annotated[str, StringConstraints(pattern=_FINGERPRINT)]
SmFingerprint = Annotated[str, StringConstraints(pattern=_SM_FINGERPRINT)]
Profile = Literal["openpgp", "sm", "plain-folder"]
Clock = Annotated[str, StringConstraints(pattern=_CLOCK)]
HourMinute = Annotated[str, StringConstraints(pattern=_HOUR)]
MonthDay = Annotated[str, StringConstraints(pattern=_MONTH_DAY)]


class Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
