# make run, make test, make check: each makes .venv first if it is not there yet. PYTHON chooses the Python that makes it.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin

.PHONY: help run test check format bench crowd torture fuzz docs picture clean

help:
	@echo 'make run    start the server (make run ARGS="--listen 0.0.0.0:1337")'
	@echo 'make test   run every test'
	@echo 'make check  ruff and mypy'
	@echo 'make format lay out the code as check wants it'
	@echo 'make bench  measure (make bench ONLY=fanout for a part of it; ROUNDS=5)'
	@echo 'make crowd   fill a room with thousands of people (make crowd ARGS="--clients 18000 --report crowd-report")'
	@echo 'make torture  kill -9 200 times under load, and real trouble with the disk (SEED=n to repeat)'
	@echo 'make fuzz    type random commands for a minute, then throw bytes at what reads them for ten (SECONDS=600)'
	@echo 'make docs    make docs/commands.md anew from the table of commands'
	@echo 'make picture  make the picture in README.md anew'

run: $(VENV)/run
	$(BIN)/python gchat.py $(ARGS)

test: $(VENV)/dev
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

crowd: $(VENV)/crowd
	$(BIN)/python gchat.py crowd $(ARGS)

torture: $(VENV)/dev
	$(BIN)/python tests/torture/kill.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))
	$(BIN)/python tests/torture/disk.py

fuzz: $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	$(BIN)/python tests/fuzz/commands.py --seconds 60
	$(BIN)/python tests/fuzz/terminal.py -dict=tests/fuzz/terminal.dict -max_len=400 -max_total_time=$(or $(SECONDS),600) -print_final_stats=1 -verbosity=0

docs: $(VENV)/dev
	$(BIN)/python docs/commands_page.py

picture: $(VENV)/dev
	$(BIN)/python docs/session_picture.py

# What is installed is marked by a file, so that a changed requirements file is installed anew and nothing else is.
$(VENV)/run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/crowd: requirements-crowd.txt requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-crowd.txt
	@touch $@ $(VENV)/run

$(VENV)/dev: requirements-dev.txt requirements-crowd.txt requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/run $(VENV)/crowd

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
