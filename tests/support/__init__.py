"""What tests share: nodes, partners, databases, listeners, auditors. Nothing here is a test."""
