"""An object file made into one block of machine code that runs wherever it is mapped: all that its parts want of each
other is put in, relative to where they stand.

For x86-64 as LLVM writes it (System V ABI, AMD64 supplement, 4.4.1): code that does not depend on its place, for which
two kinds of relocation are enough. Whatever else an object file wants is an error, never a guess.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

_X86_64, _PROGBITS, _SYMTAB, _RELA, _ALLOC, _UNDEFINED = 62, 1, 2, 4, 2, 0
_PC32, _PLT32 = 2, 4
_UNWINDING = ".eh_frame"
# What LLVM may call by itself, for the seldom case: mov rax,rdi; mov rcx,rdx; rep movsb; ret, and rep stosb likewise.
_OWN: Final = {
    "memcpy": bytes.fromhex("4889f84889d1f3a4c3"),
    "memset": bytes.fromhex("4989f889f04889d1f3aa4c89c0c3"),
}


class NotLinked(RuntimeError):
    """The object file is none for this processor, or wants what is not provided for."""


def link(made: bytes, names: Mapping[str, object]) -> tuple[bytes, list[int]]:
    """The code, to be mapped at a multiple of 64, and where each of `names` stands in it. Raises `NotLinked`."""
    if made[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", made, 18)[0] != _X86_64:
        raise NotLinked("compiled code is kept for x86-64 alone")
    table, size, count, strings = *struct.unpack_from("<Q", made, 40), *struct.unpack_from("<HHH", made, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", made, table + size * i) for i in range(count)]
    texts = sections[strings][4]

    def name(start: int) -> str:
        return made[start : made.index(b"\0", start)].decode()

    code, places = bytearray(), {}
    for i, (called, kind, flags, _, at, length, _, _, align, _) in enumerate(sections):
        if kind == _PROGBITS and flags & _ALLOC and name(texts + called) != _UNWINDING:
            code += bytes(-len(code) % max(align, 16))
            places[i] = len(code)
            code += made[at : at + length]
    own = {}
    for called_own, instructions in _OWN.items():
        code += bytes(-len(code) % 16)
        own[called_own] = len(code)
        code += instructions
    symbols, found = [], {}
    (symtab,) = (section for section in sections if section[1] == _SYMTAB)
    named = sections[symtab[6]][4]
    for at in range(symtab[4], symtab[4] + symtab[5], 24):
        called, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", made, at)
        word = name(named + called)
        known = own.get(word) if section == _UNDEFINED else places[section] + value if section in places else None
        symbols.append(known)
        if word in names and known is not None:
            found[word] = known
    for _, kind, _, _, at, length, _, target, _, _ in sections:
        if kind != _RELA or target not in places:
            continue
        for entry in range(at, at + length, 24):
            offset, info, more = struct.unpack_from("<QQq", made, entry)
            known = symbols[info >> 32]
            if known is None or info & 0xFFFFFFFF not in (_PC32, _PLT32):
                raise NotLinked("the object file wants what is not provided for")
            place = places[target] + offset
            struct.pack_into("<i", code, place, known + more - place)
    if found.keys() != names.keys():
        raise NotLinked("the object file lacks an entry")
    return bytes(code), [found[word] for word in names]
