"""Folders people see: what comes in by the drop folders, what goes out to a party's own folder.

`claiming` claims, `inbox` copies and returns, `watch` wakes, `courier` delivers, `party` does all else that is done in
a party's folders, `root` knows whether the share is really there.
"""

from gateway.adapters.channels.folders.claiming import Address
from gateway.adapters.channels.folders.courier import FolderCourier
from gateway.adapters.channels.folders.inbox import DropFolders
from gateway.adapters.channels.folders.party import Folders
from gateway.adapters.channels.folders.root import ROOT_RECORD, ExchangeRoot, SourceDown
from gateway.adapters.channels.folders.scanning import Quiet
from gateway.adapters.channels.folders.watch import Watch

__all__ = [
    "ROOT_RECORD",
    "Address",
    "DropFolders",
    "ExchangeRoot",
    "FolderCourier",
    "Folders",
    "Quiet",
    "SourceDown",
    "Watch",
]
