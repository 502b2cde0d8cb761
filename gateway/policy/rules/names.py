"""Rules of names: what can be a folder's name here and at the other end, and what only one of a kind may bear."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final, TypeVar

from gateway.policy.facts import Agreement, Party
from gateway.policy.faults import FactFault
from gateway.policy.finding import NODE
from gateway.policy.rules.draft import Draft

_NO_FILE_NAME: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[. ]$|^\.')  # what Windows cannot have, and hidden folders
_F = TypeVar("_F", Agreement, Party)


def remote_folder(folder: str, refused: str) -> bool:
    """Whether `folder` can be a folder at the other end: not empty, not above itself, nothing of what `refused` (a
    regular expression) finds."""
    return bool(folder) and ".." not in PurePosixPath(folder).parts and not re.search(refused, folder)


def folders(draft: Draft) -> Iterator[FactFault]:
    """Every folder that people see has a name that every system can show, and no two of them the same one."""
    for file, key, name in _named(draft):
        if _NO_FILE_NAME.search(name):
            yield draft.fault(file, (key,), "cannot be a folder's name", "不能用作文件夹名")
    if draft.node is None:
        return
    names = draft.node.folders.model_dump()
    for key, name in names.items():
        if _NO_FILE_NAME.search(name) or not name:
            yield draft.fault(NODE, ("folders", key), "cannot be a folder's name", "不能用作文件夹名")
        elif key != "machine" and sum(name == names[other] for other in names if other != "machine") > 1:
            yield draft.fault(NODE, ("folders", key), "two folders bear this name", "有两个文件夹同名")
    for agreement in draft.agreements.values():
        if agreement.label == draft.node.folders.acknowledge:
            message = "is the name of the folder for acknowledgements"
            yield draft.fault(agreement.file, ("label",), message, "与签收文件夹同名")


def duplicates(draft: Draft) -> Iterator[FactFault]:
    """Labels and folders are told apart without regard to case; an area code has one party of a tier.

    Departments share their county's code; everybody else is the only one of its tier there.
    """
    agreements, parties = draft.agreements.values(), draft.parties.values()
    for one, others in _twice(agreements, lambda agreement: agreement.label.casefold()):
        message = f"{others} has the same label"
        yield draft.fault(one.file, ("label",), message, f"与 {others} 的名称相同")
    for party, others in _twice(parties, lambda party: party.folder_name.casefold()):
        message = f"{others} has the same folder"
        yield draft.fault(party.file, ("folder",), message, f"与 {others} 的文件夹相同")
    places = [party for party in parties if party.tier != "department"]
    for party, others in _twice(places, lambda party: (party.tier, party.area_code)):
        message = f"{others} has the same area code"
        yield draft.fault(party.file, ("area_code",), message, f"与 {others} 的区划代码相同")


def _named(draft: Draft) -> Iterator[tuple[str, str, str]]:
    """File, key and name of every folder that a party or an agreement has."""
    for agreement in draft.agreements.values():
        yield agreement.file, "label", agreement.label
    for party in draft.parties.values():
        yield party.file, "folder", party.folder_name


def _twice(facts: Iterable[_F], key: Callable[[_F], Hashable]) -> Iterator[tuple[_F, str]]:
    """Every fact that shares its key, and the ids of those it shares it with."""
    by_key: dict[Hashable, list[_F]] = {}
    for fact in facts:
        by_key.setdefault(key(fact), []).append(fact)
    for several in by_key.values():
        for fact in several if len(several) > 1 else ():
            yield fact, ", ".join(sorted(other.id for other in several if other.id != fact.id))
