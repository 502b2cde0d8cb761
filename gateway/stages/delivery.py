"""Delivery: which files one receiver gets, under which names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.parcels import Listed


def files(
    lines: Sequence[Listed], sealed: Mapping[str, Path], beside: Mapping[str, tuple[Path, str]]
) -> dict[str, tuple[Path, str]]:
    """Final name -> (path, SHA-256): the packages first, the list that names them last, so that who reads the list
    finds everything on it."""
    packages = {
        sealed[line.package].name: (sealed[line.package], line.sha256)
        for line in lines
        if line.package is not None and line.sha256 is not None
    }
    return {**packages, **beside}


def statement(beside: Mapping[str, tuple[Path, str]]) -> dict[str, tuple[Path, str]]:
    """The signed list as another node's folder for acknowledgements takes it: the signature, and what it is over as
    its sidecar, which has to be there first."""
    (signature,) = (name for name in beside if name.endswith(".json.sig"))
    listed = signature.removesuffix(".sig")
    return {f"{signature}.json": beside[listed], signature: beside[signature]}
