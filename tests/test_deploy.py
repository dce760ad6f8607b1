"""The recipes in deploy/ and docs/running.md: what they name exists, and what they type gchat understands.

No container is built and no service is started here.
"""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from people import ROOT, Person, Server

import gchat
from gchatd import settings

DEPLOY = ROOT / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
UNIT = DEPLOY / "gchat.service"
PAGE = (ROOT / "docs/running.md").read_text()
INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "RUN", "USER", "VOLUME", "WORKDIR"}
"""Those of Docker's that we might use."""


def understood(words: list[str]) -> list[str]:
    """Let gchat's parser take a command line; give the command line, whole. Fails as gchat does."""
    gchat._parser().parse_args(words)
    return words


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


DOCKERFILE = [tuple(line.split(" ", 1)) for line in lines((DEPLOY / "Dockerfile").read_text())]


def instructions(name: str) -> list[str]:
    return [words for instruction, words in DOCKERFILE if instruction == name]


def copied() -> list[str]:
    """What the image gets of this repository."""
    return [source for words in instructions("COPY") for source in words.split()[:-1]]


def service(option: str) -> str:
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str
    unit.read(UNIT)
    return unit["Service"][option]


# The container.


def test_the_dockerfile_has_no_instruction_that_docker_does_not_know():
    assert {instruction for instruction, _ in DOCKERFILE} <= INSTRUCTIONS
    assert DOCKERFILE[0][0] == "FROM"


def test_what_the_image_is_made_of_exists_and_docker_is_sent_it():
    ignored = lines((DEPLOY / "Dockerfile.dockerignore").read_text())
    assert ignored[0] == "*"
    sent = [line[1:] for line in ignored if line.startswith("!")]
    assert sorted(copied()) == sorted(sent)
    for source in copied():
        assert (ROOT / source).exists(), source


def test_a_server_runs_with_no_more_than_the_image_has(tmp_path):
    for source in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, tmp_path / source)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    for needed in (project["readme"], *project["license-files"]):
        assert (tmp_path / needed).exists(), needed
    server = Server(program=str(tmp_path / "gchat.py"))
    try:
        Person(server, "ann").hangs_up()
    finally:
        server.close()


def test_the_container_runs_a_command_that_gchat_has():
    entry, command = (re.findall(r'"([^"]+)"', instructions(name)[0]) for name in ("ENTRYPOINT", "CMD"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert entry[0] in project["scripts"]
    assert understood([*entry[1:], *command])[-1] == f"0.0.0.0:{instructions('EXPOSE')[0]}"


def test_compose_names_what_there_is():
    found = dict(re.findall(r"^ +(\w+): +(\S+)$", COMPOSE, re.MULTILINE))
    context = DEPLOY / found["context"]
    assert context.resolve() == ROOT
    assert (context / found["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    volume, _, folder = re.search(r"^      - (\w+)(:)(/\S+)$", COMPOSE, re.MULTILINE).groups()
    assert re.search(rf"^volumes:\n  {volume}:$", COMPOSE, re.MULTILINE)
    assert [folder] == instructions("VOLUME") == instructions("WORKDIR")[-1:]
    assert re.search(r'^      - "127\.0\.0\.1:\d+:(\d+)"$', COMPOSE, re.MULTILINE)[1] == instructions("EXPOSE")[0]
    config = re.search(r"^      # - (\S+):(/\S+):ro$", COMPOSE, re.MULTILINE)
    assert (DEPLOY / config[1]).samefile(ROOT / "config.ini")
    assert config[2] == f"{folder}/config.ini"


def test_nobody_cuts_a_stop_short():
    drain = settings.load(None, ()).server.drain_seconds
    assert int(re.search(r"stop_grace_period: (\d+)s", COMPOSE)[1]) > drain
    assert int(service("TimeoutStopSec")) > drain


# The service.


def test_the_service_runs_a_command_that_gchat_has():
    python, program, *command = shlex.split(service("ExecStart"))
    home = Path(program).parent
    assert (ROOT / Path(program).name).exists()
    assert Path(python).is_relative_to(home / ".venv")
    understood(command)
    data, config = (command[command.index(option) + 1] for option in ("--data", "--config"))
    assert data == f"/var/lib/{service('StateDirectory')}"
    for told in (f"`{home}`", f"cp config.ini {config}", f"--home-dir {data} ", f"--data {data} "):
        assert told in PAGE, told


needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_service(tmp_path):
    python = shlex.split(service("ExecStart"))[0]
    unit = tmp_path / "gchat.service"
    unit.write_text(UNIT.read_text().replace(python, sys.executable))
    found = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")


@needs_systemd
def test_systemd_thinks_that_the_service_is_locked_in_well():
    """On a scale to 10, on which 0 is best; it may not have less than network, files and the history's threads need."""
    judge = ["systemd-analyze", "security", "--offline=true", "--threshold=13", "--no-pager", UNIT]
    judged = subprocess.run(judge, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout[-200:]


def test_systemd_is_told_when_the_service_serves_and_that_it_is_alive():
    assert service("Type") == "notify"
    assert 10 <= int(service("WatchdogSec")) <= 60
    assert service("Restart") == "on-failure"  # which a watchdog that has not been fed is


# The page.


def test_the_page_about_running_tells_commands_that_gchat_has_and_files_that_exist():
    commands = re.findall(r"^ +.*?(?:gchat\.py|exec gchat gchat) (.+)$", PAGE, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        understood(shlex.split(command.replace("$(date +%F)", "2026-11-24")))
    for file in re.findall(r"(?<![\w./])(?:deploy/[\w.]+|requirements[\w-]*\.txt|config\.ini)(?!\w)", PAGE):
        assert (ROOT / file).exists(), file
