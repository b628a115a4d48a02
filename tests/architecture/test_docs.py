"""What a person can name is in the docs: settings, components, endpoints, commands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from server.settings import Settings
from stillhouse.cli.app import app
from tests.architecture.tree import ROOT, kept_texts

PAGES = {path: text for path, text in kept_texts().items() if path.suffix == ".md"}
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_operations(name: str) -> None:
    assert f"| `STILLHOUSE_{name.upper()}` |" in read("docs/operations.md")


@pytest.mark.parametrize("kind", ["methods", "models", "datasets"])
def test_every_component_is_in_the_docs(kind: str) -> None:
    catalog: dict[str, Any] = json.loads((ROOT / f"distill_core/spec/catalog/{kind}.json").read_text())
    page = read("docs/components.md")
    assert catalog
    assert [key for key in catalog if f"`{key}`" not in page] == []


def test_every_endpoint_is_in_the_docs() -> None:
    description: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())
    endpoints = [f"{verb.upper()} {path}" for path, verbs in description["paths"].items() for verb in verbs]
    page = read("docs/api.md")
    assert len(endpoints) > 10
    assert [endpoint for endpoint in endpoints if f"`{endpoint}`" not in page] == []


def test_every_endpoint_of_the_docs_exists() -> None:
    description: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())
    named = re.findall(r"^\| `([A-Z]+) (/\S*)` \|", read("docs/api.md"), re.MULTILINE)
    assert named
    assert [(verb, path) for verb, path in named if verb.lower() not in description["paths"].get(path, {})] == []


def test_every_make_command_of_the_docs_exists() -> None:
    named = {
        (str(path), target)
        for path, text in PAGES.items()
        for target in re.findall(r"(?:^|`)make (?:PYTHON=\S+ )?([a-z]+)", text, re.MULTILINE)
    }
    assert {target for _, target in named} >= {"demo", "test", "up", "lint"}
    assert [(page, target) for page, target in named if target not in TARGETS] == []


def test_every_command_of_the_docs_exists() -> None:
    commands = set(typer.main.get_group(app).commands)
    named = {
        (str(path), command)
        for path, text in PAGES.items()
        for command in re.findall(r"(?:^|`)stillhouse ([a-z]+)", text, re.MULTILINE)
    }
    assert named
    assert [(page, command) for page, command in named if command not in commands] == []


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        (str(path), link)
        for path, text in PAGES.items()
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        if not (ROOT / path.parent / link).exists()
    ]
    assert broken == []


def test_every_example_that_the_docs_name_exists() -> None:
    named = {name for text in PAGES.values() for name in re.findall(r"\b(examples/[\w./-]+\.(?:yaml|py))", text)}
    assert named
    assert [name for name in named if not Path(ROOT / name).is_file()] == []
