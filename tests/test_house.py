"""The house keeps its own rules: arrows point down, chat/ is pure and has no sentences, files are short."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import pytest
from people import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FLOORS = [
    ["gchatd", "gchatd.errors", "gchatd.files"],
    ["gchatd.text"],
    ["gchatd.wire", "gchatd.chat", "gchatd.settings", "gchatd.log", "gchatd.meters"],
    ["gchatd.cluster", "gchatd.limits"],
    ["gchatd.journal"],
    ["gchatd.hub"],
    ["gchatd.delivery"],
    ["gchatd.link"],
    ["gchatd.intake"],
    ["gchatd.session"],
    ["gchatd.doors"],
    ["gchatd.operate", "gchatd.crowd"],
    ["gchat"],
]
"""The lowest first. A file may import from its own package and from lower floors; what shares a floor knows nothing of
each other: the chat of no wire, wires of no chat."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in [ROOT / "gchat.py", *sorted(ROOT.glob("gchatd/**/*.py"))]}
every_file = pytest.mark.parametrize("module", SOURCES)


def source(module: str) -> ast.Module:
    return ast.parse(SOURCES[module].read_text())


def imports(module: str) -> set[str]:
    """The full names of what a file imports, anywhere in it, also when only types need it: modules of ours as such,
    of other packages with what is taken from them.
    """
    package = SOURCES[module].relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(source(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            whence = ".".join([*base, *([node.module] if node.module else [])])
            names = {f"{whence}.{alias.name}" for alias in node.names}
            found |= {name if name in SOURCES or whence not in SOURCES else whence for name in names}
    return found


def ours(module: str) -> set[str]:
    """The files of the house that a file imports."""
    return imports(module) & SOURCES.keys()


def package(module: str) -> str:
    """The package of `FLOORS` that a file belongs to."""
    return ".".join(module.split(".")[:2])


def floor(module: str) -> int:
    return next(number for number, packages in enumerate(FLOORS) if package(module) in packages)


def test_no_files_import_each_other_in_a_circle():
    try:
        TopologicalSorter({module: ours(module) for module in SOURCES}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_file_is_on_a_floor_and_every_floor_has_files():
    assert {package(module) for module in SOURCES} == {name for packages in FLOORS for name in packages}


@every_file
def test_arrows_point_down(module):
    upwards = {one for one in ours(module) if floor(one) >= floor(module) and package(one) != package(module)}
    assert not upwards


@every_file
def test_a_file_imports_nothing_of_ours_that_is_not_there(module):
    """So that the other rules see every arrow."""
    assert not {one for one in imports(module) if one.partition(".")[0] == "gchatd"} - SOURCES.keys()


@every_file
def test_nothing_in_the_package_imports_the_program_or_patches_anything(module):
    assert not [one for one in imports(module) if re.match(r"(gchat|gevent\.monkey)\b", one)]


@pytest.mark.parametrize("module", [one for one in SOURCES if package(one) not in ("gchatd.wire", "gchatd.doors")])
def test_only_doors_know_a_wire(module):
    assert not [one for one in ours(module) if package(one) == "gchatd.wire"]


def test_sockets_are_known_where_clients_come_in_and_where_bytes_go_out():
    """A client's life, the rooms and fan-out know none. (The crowd is clients, and has its own. The supervisor keeps
    those for its workers, and asks its Redis whether it is there. What systemd and Prometheus are told goes elsewhere.)
    """
    server = [module for module in SOURCES if package(module) != "gchatd.crowd"]
    known = {
        module for module in server if any(re.match(r"(gevent\.)?_?(socket|ssl)\b", one) for one in imports(module))
    }
    doors = {"gchatd.doors.accepting", "gchatd.doors.listening"}
    operators = {f"gchatd.operate.{name}" for name in ("supervisor", "redis_server", "systemd", "monitoring")}
    assert known == {"gchat", "gchatd.delivery.transport", "gchatd.delivery.tls", *doors, *operators}


PURE = {name: [one for one in SOURCES if package(one) == f"gchatd.{name}"] for name in ("text", "wire", "chat")}
IMPURE = "gevent greenlet socket ssl select fcntl termios asyncio apsw sqlite3"


@pytest.mark.parametrize("modules", PURE.values(), ids=PURE)
def test_what_is_pure_loads_nothing_that_waits_or_reads(modules):
    """Not even through what it imports."""
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True).split())
    assert loaded >= set(modules)
    assert not loaded.intersection(IMPURE.split())


def test_the_supervisor_has_no_event_loop_and_no_database():
    program = "import sys, gchatd.operate.supervisor; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True).split())
    assert not loaded.intersection(["gevent", "greenlet", "asyncio", "apsw", "redis"])


@pytest.mark.parametrize("module", PURE["chat"])
def test_the_chat_has_no_sentence(module):
    """Doors have them, each in its own tongue. No text in chat/ has a space, but for docstrings."""
    nodes = list(ast.walk(source(module)))
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and node not in docstrings]
    assert not [text for text in texts if isinstance(text, str) and re.search(r"\s", text)]


@pytest.mark.parametrize("module", PURE["chat"])
def test_the_chat_has_no_bytes(module):
    nodes = list(ast.walk(source(module)))
    assert not {node.id for node in nodes if isinstance(node, ast.Name)} & {"bytes", "bytearray", "memoryview"}
    assert not [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, bytes)]


@every_file
def test_a_file_reads_in_one_sitting_and_says_what_it_is_for(module):
    assert len(SOURCES[module].read_text().splitlines()) <= 400
    assert ast.get_docstring(source(module))
