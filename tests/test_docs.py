"""What is written about gchat is true, and the house keeps its own rules."""

from __future__ import annotations

import ast
import re

import commands_page
import pytest
from people import ROOT

from gchatd.commands.table import COMMANDS, find

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


def test_the_page_of_commands_is_what_the_table_says():
    assert (ROOT / "docs/commands.md").read_text() == commands_page.page(), "make docs"


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_a_command_has_help_with_its_grammar_and_an_example_and_its_handler_opens_with_it(command):
    assert command.usage.startswith(f"/{command.name}")
    assert command.help
    assert re.match(rf"/{command.name}\b", command.example)
    assert command.handler.__doc__.startswith(command.usage)


def test_readme_names_the_commands_that_there_are():
    for name in re.findall(r"`/([a-z]+)", README):
        assert find(name), name


CORE = [
    *(ROOT / f"gchatd/{name}.py" for name in ("hub", "rooms", "events", "folding", "turn", "formats", "welcome")),
    *ROOT.glob("gchatd/commands/*.py"),
]


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_hub_rooms_events_and_commands_know_no_wire_and_no_door(path):
    assert not [module for module in imports(path) if re.search(r"wire|doors|socket", module)]


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
