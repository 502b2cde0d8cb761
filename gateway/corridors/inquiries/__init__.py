"""Inquiries and their answers, record by record, without a register of persons.

`entering` takes a parcel's records as they are sealed, `delivering` starts their clocks where they arrive, `answering`
settles what a reply answers, whose numbers `matching` looks for; `redirecting` is what people return or pass on,
`stating` takes over the dates of other nodes, `closing` destroys what could tell a record, `showing` writes the page of
what is open. Records whose sender owes their delivery by a date of their own (births that belong elsewhere) go the same
way without an answer.
"""
