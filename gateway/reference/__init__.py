"""The reference pages, written from the code: `python -m gateway.reference`, or `make docs`.

Every page is made from what the program itself reads (the catalogue, the command line, the facts' models, the schemas,
the lifecycle's tables), so that it cannot say something else. The same code gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway import durable
from gateway.reference import codes, commands, configuration, schemas, states

ROOT = Path(__file__).parents[2]
FOLDER = Path("docs/reference")


def pages(root: Path = ROOT) -> Mapping[str, str]:
    """Every page and picture as it should be: path below `root` -> text."""
    made = {
        "codes.md": codes.page(),
        "commands.md": commands.page(),
        "configuration.md": configuration.page(root / "config"),
        "schemas.md": schemas.page(root / "schemas"),
        "states.md": states.page(),
        **states.pictures(),
    }
    return {str(FOLDER / name): text for name, text in made.items()}


def stale(root: Path = ROOT) -> list[str]:
    """The pages that are missing or not what the code says."""
    return [name for name, text in pages(root).items() if _read(root / name) != text]


def write(root: Path = ROOT) -> list[str]:
    """Write every page that is stale, and return their names."""
    changed = stale(root)
    for name, text in pages(root).items():
        if name in changed:
            durable.make_folder((root / name).parent, 0o755)
            durable.write_bytes(root / name, text.encode(), 0o644)
    return changed


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None
