"""A quarter of 32 artificial provinces for `gateway demo` and the tests: files to drop, faults with known truth, and
partners that open what comes back with stock tools only.

`story` plans, `files` writes, `faults` knows the truth, `partners` opens and acknowledges. Imports nothing of the
gateway's own judgement (`gateway.records`), so that the two can be held against each other.
"""
