"""Holding what was reported against what the node has."""
