"""What people read: receipts, distribution lists, acknowledgement forms, transmittal sheets, letters, and the
operator's page.

Pure rendering: data in, bytes out. No file is written and no clock is asked here.
"""

from gateway.receipts.distribution import DistributionList, Withdrawn, acknowledgement_form, transmittal_sheet
from gateway.receipts.distribution import page as distribution_page
from gateway.receipts.headline import first_line
from gateway.receipts.letters import Letter, cover_list, cover_name, letter_name, letter_number, reminder_letter
from gateway.receipts.naming import file_name, form_name, list_name, sheet_name
from gateway.receipts.pages import CodeLine, code_lines, receipt_page
from gateway.receipts.receipt import Counts, DueDate, LogEntry, Receipt, number, parse
from gateway.receipts.status import quarter_table, status_page
from gateway.receipts.views import StatusView

__all__ = [
    "CodeLine",
    "Counts",
    "DistributionList",
    "DueDate",
    "Letter",
    "LogEntry",
    "Receipt",
    "StatusView",
    "Withdrawn",
    "acknowledgement_form",
    "code_lines",
    "cover_list",
    "cover_name",
    "distribution_page",
    "file_name",
    "first_line",
    "form_name",
    "letter_name",
    "letter_number",
    "list_name",
    "number",
    "parse",
    "quarter_table",
    "receipt_page",
    "reminder_letter",
    "sheet_name",
    "status_page",
    "transmittal_sheet",
]
