"""Backups: a moment of the node's storage, packed and encrypted to an offline key, and unpacked again."""

from gateway.adapters.storage.backup import inquirykeys
from gateway.adapters.storage.backup.archive import BadArchive, opened, pack, unpack
from gateway.adapters.storage.backup.databases import DatabaseDamaged, DatabaseFailed, dump, load
from gateway.adapters.storage.backup.gathering import GATHERED, Manifest, forget, gather

__all__ = [
    "GATHERED",
    "BadArchive",
    "DatabaseDamaged",
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
