"""The gateway's source as the house's rules look at it: functions, comments and docstrings, and who imports whom."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Graph: TypeAlias = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Source:
    """A module. `name` is as it is imported, `file` below the project's folder."""

    name: str
    file: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def package(self) -> str:
        """What a relative import begins from."""
        return self.name if self.file.endswith("__init__.py") else self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Defined:
    """A function. `path` is its name below the module; `public` where nothing in it is private, and where it is no
    function's own."""

    source: Source
    node: Function
    path: str
    public: bool

    @property
    def place(self) -> str:
        return f"{self.source.file}:{self.node.lineno} {self.path}"

    @property
    def lines(self) -> int:
        """Of all of it, decorators left out."""
        return (self.node.end_lineno or 0) - self.node.lineno + 1

    @property
    def body(self) -> int:
        """Lines below its signature."""
        return (self.node.end_lineno or 0) - self.node.body[0].lineno + 1

    @property
    def parameters(self) -> int:
        """Without `self` and `cls`; `*args` and `**more` are one each."""
        given = self.node.args
        named = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        if named[:1] in (["self"], ["cls"]):
            named = named[1:]
        return len(named) + (given.vararg is not None) + (given.kwarg is not None)


def sources(folder: Path = ROOT / "gateway") -> list[Source]:
    """Every module below a package's folder."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Source(name, path.relative_to(folder.parent).as_posix(), path.read_text("utf-8")))
    return found


def functions(source: Source) -> Iterator[Defined]:
    """Every function of a module: methods and functions inside functions too."""

    def walk(node: ast.AST, path: tuple[str, ...], public: bool) -> Iterator[Defined]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                below, known = (*path, child.name), public and not child.name.startswith("_")
                if isinstance(child, ast.ClassDef):
                    yield from walk(child, below, known)
                else:
                    yield Defined(source, child, ".".join(below), known)
                    yield from walk(child, below, False)
            else:
                yield from walk(child, path, public)

    yield from walk(source.tree, (), True)


def docstrings(source: Source) -> Iterator[tuple[int, str]]:
    """Each text that stands as a statement, with the number of its first line: docstrings, also of constants and
    fields."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def comments(source: Source) -> Iterator[tuple[int, str]]:
    """Every comment with the number of its line."""
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


# -- imports -----------------------------------------------------------------------------------------------------------


def imports(known: list[Source]) -> Graph:
    """Which module names which in an import, wherever the import stands: at the top, in a function, for types alone."""
    names = {source.name for source in known}
    return {source.name: frozenset(_imported(source, names) - {source.name}) for source in known}


def _imported(source: Source, names: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = source.package.split(".")[: len(source.package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                below = f"{base}.{alias.name}"
                found.add(below if below in names else base)
    return found & names


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules that all lead to each other (Tarjan 1972), sorted; none where nothing runs in a circle."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return sorted(found)
