"""Where the facts are. Apart from `loading`: the offline commands need the place, not the facts and their models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import gateway
from gateway.policy.faults import FactFault, FactsError

NODE: Final = "config/gateway.toml"


def find(config: Path | None = None) -> Path:
    """Where the facts are: `--config`, then `$GATEWAY_CONFIG`, then the copy shipped with the code.

    The shipped copy lies inside the installed package, or at the root of a checkout beside it. Raises `FactsError`
    when there is none at all; whether there are facts at a place that was named, `load` says.
    """
    if config is not None:
        return config
    if named := os.environ.get("GATEWAY_CONFIG"):
        return Path(named)
    package = Path(gateway.__file__).parent
    for home in (package / "_shipped", package.parent):
        if (home / NODE).is_file():
            return home
    raise FactsError(
        (FactFault(NODE, 1, "no facts were named and none are shipped", "没有指定配置，也没有随附的配置"),)
    )


def home_of(where: Path) -> Path:
    """The node's folder (the one that holds `config/`), from itself or from its `config/`."""
    where = where.absolute()
    if (where / "gateway.toml").is_file() and not (where / NODE).is_file():
        where = where.resolve()
        if where.name == "config":
            return where.parent
        message = "the folder that holds gateway.toml must be named config"
        raise FactsError((FactFault("gateway.toml", 1, message, "gateway.toml 所在的文件夹必须名为 config"),))
    return where
