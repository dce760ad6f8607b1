"""What is written about gchat is true, and the house keeps its own rules."""

from __future__ import annotations

import ast
import re

import pytest
from people import ROOT

from gchatd.commands import COMMANDS

CONFIG = (ROOT / "config.ini").read_text()
README = (ROOT / "README.md").read_text()
SOURCES = sorted([ROOT / "gchat.py", *ROOT.glob("gchatd/**/*.py")])


def imports(path) -> set[str]:
    """The full names of the modules that a source file imports, also when only types need them."""
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{prefix}.{alias.name}" for alias in node.names}
    return found


def test_every_setting_in_config_ini_has_a_sentence_why():
    for block in CONFIG.split("\n\n"):
        for line in block.splitlines():
            if " = " in line and not line.startswith("#"):
                assert re.search(r"^#.*\w", block, re.MULTILINE), line


def test_readme_shows_every_file_it_names():
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_readme_names_the_commands_that_there_are():
    for name in re.findall(r"`/([a-z]+)", README):
        assert name in COMMANDS, name


@pytest.mark.parametrize("name", ["hub", "rooms", "events", "commands"])
def test_hub_rooms_events_and_commands_know_no_wire_and_no_door(name):
    assert not [module for module in imports(ROOT / f"gchatd/{name}.py") if re.search(r"wire|doors|socket", module)]


def test_the_wire_does_no_io():
    for path in ROOT.glob("gchatd/wire/*.py"):
        assert not [module for module in imports(path) if re.search(r"gevent|socket|doors|hub", module)], path


def test_nothing_in_the_package_imports_the_program_or_patches_anything():
    for path in SOURCES:
        assert not [module for module in imports(path) if re.fullmatch(r"gchat|gevent\.monkey.*", module)], path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_file_reads_in_one_sitting_and_says_what_it_is_for(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text))
