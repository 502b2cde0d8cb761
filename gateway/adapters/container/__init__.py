"""tar + zstd: what lies between a package's members and its seal. Both ways stream; memory does not grow with size.

The tar is plain ustar, regular files only, in the order given, with headers that tell nothing (owner 0, time 0, mode
0644): the same members give the same bytes, and `tar x` of any system reads them. Unpacking does not use `tarfile`,
whose readers pass over what they cannot read and follow extended headers of any length: what is not exactly a plain
member is refused.

`writing` packs, beside the keys, what is ours. `reading` takes apart what is another's, in the worker; `laying`
is the other end, beside the keys: it writes the members' bytes as they come, and looks into none of them.
"""

from gateway.adapters.container.caps import Caps, ContainerError
from gateway.adapters.container.headers import BLOCK, RECORD, Header, header, parse_header
from gateway.adapters.container.laying import Laying
from gateway.adapters.container.reading import Source, members, restated
from gateway.adapters.container.writing import Member, pack

__all__ = [
    "BLOCK",
    "RECORD",
    "Caps",
    "ContainerError",
    "Header",
    "Laying",
    "Member",
    "Source",
    "header",
    "members",
    "pack",
    "parse_header",
    "restated",
]
