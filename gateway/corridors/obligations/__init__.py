"""What is owed by a date: entered, met, missed, moved.

`obliging` enters what falls due and `settling` judges it, `duties` are those around a release; `dating` moves dates and
ends what is owed, `changes` enters that; `replies` states the dates of replies to both sides. Each change follows from
the entry that tells of it (`entries`).
"""
