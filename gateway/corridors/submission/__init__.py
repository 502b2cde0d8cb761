"""From a dropped file to sealed packages: intake → recognising → checking → sorting → sealing."""

from gateway.corridors.submission.checking import Checking
from gateway.corridors.submission.intake import Intake
from gateway.corridors.submission.recognising import Recognising
from gateway.corridors.submission.sealing import Sealing
from gateway.corridors.submission.sorting import Sorting

STAGES = (Intake, Recognising, Checking, Sorting, Sealing)
"""The steps of `flow.submission`, in order."""

__all__ = ["STAGES", "Checking", "Intake", "Recognising", "Sealing", "Sorting"]
