"""A quarter of 32 artificial provinces for `gateway demo` and the tests: files to drop, faults with known truth, and
partners that open what comes back with stock tools only.

`story` plans the files and `chronicle` gives them their dates, `files` and `workbooks` write, `submitting` seals,
`faults` knows the truth, `partners` and `holdings` open, keep, delete and acknowledge; `play` plays the plain quarter,
`played_quarter` the one with its dates, and `reckoning` says what it came to. Imports nothing of the gateway's own
judgement (`gateway.records`), so that the two can be held against each other.
"""
