"""What is read out of the ledger for people and programs. Nothing is written here."""
