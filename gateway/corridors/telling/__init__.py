"""What is told to people: receipts and proofs in their folders, letters, notices, bulletins."""
