"""Backups: a moment of the node's storage, packed and encrypted to an offline key, and unpacked again."""

from gateway.adapters.backup import inquirykeys
from gateway.adapters.backup.archive import BadArchive, opened, pack, unpack
from gateway.adapters.backup.databases import DatabaseFailed, dump, load
from gateway.adapters.backup.gathering import GATHERED, Manifest, forget, gather

__all__ = [
    "GATHERED",
    "BadArchive",
    "DatabaseFailed",
    "Manifest",
    "dump",
    "forget",
    "gather",
    "inquirykeys",
    "load",
    "opened",
    "pack",
    "unpack",
]
