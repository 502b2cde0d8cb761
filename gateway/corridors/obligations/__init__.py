"""What is owed by a date: entered, met, missed, moved."""
