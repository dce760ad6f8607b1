# Every target creates .venv first if it is missing. PYTHON=python3.12 chooses the Python for it.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin

.PHONY: help run cluster test check format bench page crowd torture fuzz autobahn cert docs figures picture clean

help:
	@echo 'make run      start the server (make run ARGS="--listen 0.0.0.0:1337")'
	@echo 'make cluster  start a server of three processes, which needs redis-server (make cluster ARGS="--workers 4")'
	@echo 'make test     run every test'
	@echo 'make check    check the code with ruff and mypy'
	@echo 'make format   format the code the way check wants it'
	@echo 'make bench    measure how fast it is (make bench ONLY=fanout for one part; ROUNDS=5)'
	@echo 'make page     print how big the page is, and how soon it is seen in a browser'
	@echo 'make crowd    fill a room with thousands of people (make crowd ARGS="--clients 18000 --report crowd-report")'
	@echo 'make torture  kill the server 200 times under load, make the disk fail, flood it, throw garbage and 2,000 clients at it, and let 3 nodes and their Redis fail (SEED=n)'
	@echo 'make fuzz     type random commands for a minute, then send random bytes to both doors for ten each (SECONDS=600)'
	@echo 'make autobahn hold WebSockets to the cases of the Autobahn test suite (301 of them, half a minute)'
	@echo 'make cert     make a certificate to try TLS with, signed by itself: cert.pem, key.pem'
	@echo 'make docs     rewrite docs/commands.md and docs/protocol.md from the code'
	@echo 'make figures  put the results of the last full make bench into docs/performance.md'
	@echo 'make picture  redraw the pictures in README.md'
	@echo 'make clean    remove everything that make creates, but not your data'

run: $(VENV)/run
	$(BIN)/python gchat.py $(ARGS)

cluster: $(VENV)/cluster
	$(BIN)/python gchat.py --workers 3 $(ARGS)

test: $(VENV)/dev
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

page: $(VENV)/dev
	$(BIN)/python -m bench.page

bench: $(VENV)/dev
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

crowd: $(VENV)/crowd
	$(BIN)/python gchat.py crowd $(ARGS)

torture: $(VENV)/dev
	$(BIN)/python tests/torture/kill.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))
	$(BIN)/python tests/torture/order.py --seconds 60 $(if $(SEED),--seed $(SEED))
	$(BIN)/python tests/torture/disk.py
	$(BIN)/python tests/torture/worlds.py $(if $(SEED),--seed $(SEED))
	$(BIN)/python tests/torture/cluster.py $(if $(SEED),--seed $(SEED))
	$(BIN)/python tests/torture/limits.py
	$(BIN)/python tests/torture/garbage.py $(if $(SEED),--seed $(SEED))
	$(BIN)/python tests/torture/drops.py $(if $(SEED),--seed $(SEED))
	$(BIN)/python tests/torture/mixed.py $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	$(BIN)/python tests/fuzz/commands.py --seconds 60
	$(BIN)/python tests/fuzz/terminal.py -dict=tests/fuzz/terminal.dict -max_len=400 -max_total_time=$(or $(SECONDS),600) -print_final_stats=1 -verbosity=0
	$(BIN)/python tests/fuzz/web.py -dict=tests/fuzz/web.dict -max_len=400 -max_total_time=$(or $(SECONDS),600) -print_final_stats=1 -verbosity=0

autobahn: $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check kosoku==0.1.0
	$(BIN)/python tests/autobahn.py

cert:
	@test ! -e key.pem || { echo 'there is a key.pem already: use it, or move it away' >&2; exit 1; }
	umask 077; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1 -keyout key.pem -out cert.pem
	@echo 'now: make run ARGS="--set tls.certificate=cert.pem --set tls.key=key.pem"'
	@echo 'to let others in, add --listen 0.0.0.0:1337 to these ARGS'

docs: $(VENV)/dev
	$(BIN)/python docs/commands_page.py
	$(BIN)/python docs/protocol_page.py

figures: $(VENV)/dev
	$(BIN)/python docs/performance_table.py

picture: $(VENV)/dev
	$(BIN)/python docs/session_picture.py
	$(BIN)/python docs/page_picture.py

# Each of these files marks what is installed, so that make installs again only when a requirements file changes.
$(VENV)/run: requirements.txt
	@echo 'installing what gchat needs into $(VENV), about a minute'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/cluster: requirements-cluster.txt requirements.txt
	@echo 'installing what gchat needs into $(VENV), about a minute'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-cluster.txt
	@touch $@ $(VENV)/run

$(VENV)/crowd: requirements-crowd.txt requirements-cluster.txt requirements.txt
	@echo 'installing what gchat needs into $(VENV), about a minute'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-crowd.txt
	@touch $@ $(VENV)/run $(VENV)/cluster

$(VENV)/dev: requirements-dev.txt requirements-cluster.txt requirements-crowd.txt requirements.txt
	@echo 'installing what gchat needs into $(VENV), about a minute'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/run $(VENV)/cluster $(VENV)/crowd

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
