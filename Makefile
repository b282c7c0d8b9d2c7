# Lectern's commands. `make` or `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# The first Python on the PATH that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq install --require-hashes --no-deps
# What `make test` leaves to `make test-long` and `make test-compose`.
QUICK := not compose and not long
# Tests that mostly wait for servers and browsers: they run beside all the others, on servers of their own.
WAITING := tests/behaviour tests/browser tests/contracts tests/faults tests/stories
# What private servers write during the tests stays in memory where the machine has room: nothing of it is kept.
MEMORY := $(shell [ -w /dev/shm ] && [ "$$(df --output=avail /dev/shm | tail -1)" -gt 4194304 ] && echo TMPDIR=/dev/shm)
PYTEST := $(MEMORY) $(BIN)/python -m pytest -q --timeout 120 --timeout-method thread

.PHONY: help run test test-long test-compose bench lint format lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: $(VENV)/.local ## Run Lectern on this machine with everything it needs; Ctrl-C stops it (LECTERN_PORT=8080)
	@exec $(BIN)/python -m deploy.local

test: $(VENV)/.test ## Check the code and run the tests; installs what they need where it may
	@$(BIN)/python -m tests.support.install_rabbitmq > /dev/null
	@$(BIN)/python -m tests.support.install_clients > /dev/null
	@if compgen -G 'tests/browser/test_*.py' > /dev/null; then $(BIN)/python -m tests.support.install_chromium > /dev/null; fi
	@linted=$$(mktemp); nice $(MAKE) --no-print-directory lint > $$linted 2>&1 & linting=$$!; \
	told=$$(mktemp); $(PYTEST) -m '$(QUICK)' $(WAITING) > $$told 2>&1 & waiting=$$!; \
	trap 'kill $$waiting $$linting 2> /dev/null' INT TERM; \
	code=0; $(PYTEST) -m '$(QUICK)' $(addprefix --ignore=,$(WAITING)) || code=$$?; \
	wait $$waiting || code=$$?; cat $$told; wait $$linting || code=$$?; cat $$linted; rm -f $$told $$linted; exit $$code

test-long: $(VENV)/.test ## Run the long tests as well
	@$(BIN)/python -m tests.support.install_rabbitmq > /dev/null
	@$(BIN)/python -m tests.support.install_clients > /dev/null
	@$(PYTEST) --timeout 3600 -m 'not compose'

test-compose: $(VENV)/.test ## Build and start docker-compose.yml, run the whole story against it, remove it
	@docker compose version > /dev/null || { echo 'make test-compose needs Docker with Compose v2: https://docs.docker.com/engine/install/'; exit 1; }
	@LECTERN_TEST_COMPOSE=1 $(PYTEST) --timeout 1200 -m compose tests/stories

bench: $(VENV)/.test ## Measure, as ratios with a bare baseline of the same run
	@$(BIN)/python -m tests.benchmarks

lint: $(VENV)/.test ## Check style, types and who imports whom
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check . || { echo 'Some files are not formatted: make format'; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@told=$$($(BIN)/lint-imports 2>&1) || { echo "$$told"; exit 1; }

format: $(VENV)/.test ## Format the code and sort the imports
	@$(BIN)/ruff check -q --fix . || true
	@$(BIN)/ruff format .

lock: ## Write the lock files anew from requirements/*.in and deploy/caldav/requirements.in
	@rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/python -m pip -q --disable-pip-version-check install uv
	@compile() { $(VENV)-lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header "$$@"; }; \
	for set in run local test; do \
		compile --override requirements/overrides.txt requirements/$$set.in -o requirements/$$set.txt; \
	done; \
	compile -c requirements/local.txt deploy/caldav/requirements.in -o deploy/caldav/requirements.txt; \
	compile -c requirements/test.txt requirements/clients.in -o requirements/clients.txt
	@rm -rf $(VENV)-lock

clean: ## Remove the virtual environment and all caches; the data in .lectern stay
	@rm -rf $(VENV) $(VENV)-lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo 'Lectern needs Python 3.11 or newer as python3 on the PATH, or: make run PYTHON=/path/of/python'; exit 1; fi
	@echo 'Making a virtual environment in $(VENV) ...'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo 'Python cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }

$(VENV)/.local: requirements/local.txt | $(BIN)/python
	@echo 'Installing the locked packages (once, about a minute) ...'
	@$(PIP) -r requirements/local.txt
	@ln -sfn ../../deploy/lectern $(BIN)/lectern
	@touch $@

$(VENV)/.test: requirements/test.txt | $(BIN)/python
	@echo 'Installing the locked packages and test tools (once, about a minute) ...'
	@$(PIP) -r requirements/test.txt
	@ln -sfn ../../deploy/lectern $(BIN)/lectern
	@touch $@ $(VENV)/.local
