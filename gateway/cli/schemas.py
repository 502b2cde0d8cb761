"""`gateway schemas`: the datasets there are, what a version asks for, what changed between two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.conventions import ConfigOption, JsonOption, Language, LanguageOption, group, print_json, say
from gateway.cli.exits import ExitCode
from gateway.policy.faults import FactsError
from gateway.policy.finding import find, home_of

app = group("schemas")
WORDS = {
    "zh": {"columns": ("数据集", "版本", "名称", "字段", "规则"), "fields": ("字段", "名称", "必填", "说明"),
           "none": "没有这个数据集或版本。", "same": "没有差别。", "no_facts": "找不到数据规范。"},
    "en": {"columns": ("Dataset", "Version", "Title", "Fields", "Rules"),
           "fields": ("Field", "Title", "Required", "What"), "none": "There is no such dataset or version.",
           "same": "No difference.", "no_facts": "No schemas were found."},
}  # fmt: skip
DatasetArgument = Annotated[str, typer.Argument(help="数据集 / dataset id", show_default=False)]
Document = Mapping[str, Any]


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False, lang: LanguageOption = Language.ZH) -> None:
    """全部数据集和版本 / every dataset in every version"""
    found = [json.loads(path.read_bytes()) for path in sorted(_folder(config, lang).glob("*.json"))]
    rows = [
        {"dataset": d["name"], "version": d["version"], "title": d["title"], "fields": len(d["fields"]),
         "rules": len(d.get("gateway:rules", ()))}
        for d in found
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    table = Table(*WORDS[lang]["columns"], box=None)
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(highlight=False).print(table)


@app.command()
def show(
    dataset: DatasetArgument,
    version: Annotated[str | None, typer.Option("--version", help="版本 / version")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """一个数据集的字段和要求 / what a dataset asks for"""
    document = _document(_folder(config, lang), dataset, version, lang)
    if as_json:
        print_json(document)
        return
    table = Table(*WORDS[lang]["fields"], box=None)
    for field in document["fields"]:
        what = field.get("description" if lang == "zh" else "gateway:description_en", "")
        required = "✓" if field.get("constraints", {}).get("required") else ""
        table.add_row(field["name"], field["title"], required, what)
    Console(highlight=False).print(table)


@app.command()
def diff(
    dataset: DatasetArgument,
    old: Annotated[str, typer.Argument(help="旧版本 / older version", show_default=False)],
    new: Annotated[str, typer.Argument(help="新版本 / newer version", show_default=False)],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.ZH,
) -> None:
    """两个版本的差别 / what changed between two versions"""
    folder = _folder(config, lang)
    changes = list(differences(_document(folder, dataset, old, lang), _document(folder, dataset, new, lang)))
    if as_json:
        print_json(changes)
        return
    for change in changes:
        typer.echo(f"{change['where']}: {_plain(change['old'])} → {_plain(change['new'])}")
    if not changes:
        say(str(WORDS[lang]["same"]))


def differences(old: Document, new: Document) -> Iterator[dict[str, Any]]:
    """Every difference as `where`, `old`, `new` (None: not there); fields and rules by name."""
    before, after = _parts(old), _parts(new)
    for where in dict.fromkeys((*before, *after)):
        if before.get(where) != after.get(where):
            yield {"where": where, "old": before.get(where), "new": after.get(where)}


def _parts(document: Document) -> dict[str, Any]:
    parts = {key: value for key, value in document.items() if key not in ("fields", "gateway:rules")}
    parts["order"] = [field["name"] for field in document["fields"]]
    for field in document["fields"]:
        parts |= {f"{field['name']}.{key}": value for key, value in field.items() if key != "name"}
    for rule in document.get("gateway:rules", ()):
        parts[f"{rule['rule']}({', '.join(rule['fields'])})"] = rule
    return parts


def _plain(value: Any) -> str:
    return "–" if value is None else json.dumps(value, ensure_ascii=False)


def _folder(config: Path | None, lang: Language) -> Path:
    try:
        return home_of(find(config)) / "schemas"
    except FactsError as error:
        say(str(WORDS[lang]["no_facts"]))
        raise typer.Exit(ExitCode.FAULT) from error


def _document(folder: Path, dataset: str, version: str | None, lang: Language) -> Document:
    for path in (folder / f"{dataset}.json", folder / f"{dataset}.v{version}.json"):
        if path.parent == folder and path.is_file():
            document: Document = json.loads(path.read_bytes())
            if version in (None, document["version"]):
                return document
    say(str(WORDS[lang]["none"]))
    raise typer.Exit(ExitCode.USAGE)
