"""What people read: receipts, distribution lists, forms to sign, transmittal sheets, letters, bulletins, and the
operator's page. Data in, bytes out: no file is written and no clock is asked here.

| | |
|---|---|
| ``receipt``, ``listing`` | the two signed documents, as data |
| ``headline``, ``codes``, ``pages`` | the receipt for people: its first line, what is wrong, the page |
| ``distribution`` | what goes with a batch: page, form, transmittal sheet |
| ``letters``, ``keyletters``, ``notices`` | letters and notices |
| ``bulletin`` | tables and charts, as page, workbook and CSV |
| ``views``, ``status`` | the operator's page and the quarter table: their shape, and how they are shown |
| ``parties``, ``commands``, ``naming``, ``words``, ``rendering`` | what the documents share |
"""
