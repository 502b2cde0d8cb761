"""Inquiries and their answers, record by record, without a register of persons.

`entering` takes a parcel's records as they are sealed, `delivering` starts their clocks where they arrive, `answering`
matches a reply's numbers, `closing` destroys what could tell a record, `standing` says what is open. Records whose
sender owes their delivery by a date of their own (births that belong elsewhere) go the same way without an answer.
"""
