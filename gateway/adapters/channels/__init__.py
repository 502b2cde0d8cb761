"""The ways in and out: drop folders, and SFTP in both directions."""
