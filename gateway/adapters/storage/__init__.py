"""The node's own storage: the spool, claims and their journals, removals, backups."""
