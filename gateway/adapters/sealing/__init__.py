"""Sealing and opening packages in both profiles, and the keys for it."""
