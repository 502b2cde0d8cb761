"""The operator's page and the quarter table: who has sent, who is late, what stopped, what has to be done now."""

from gateway.receipts.status.needs import Need, needs
from gateway.receipts.status.page import status_page
from gateway.receipts.status.quarter import Cell, Column, QuarterTable, quarter_table

__all__ = ["Cell", "Column", "Need", "QuarterTable", "needs", "quarter_table", "status_page"]
