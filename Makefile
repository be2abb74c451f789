# Every habit of this project. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# Where `demo` and `up` keep their data; test data that is not ours to commit.
DATA ?= data
export CAREBED_RECORDINGS ?= $(abspath ../shared/data)

# Some containers set it; every process of ours, and every run of the tests, would then compile its files anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PYTHON_READY := .venv/.ready
WEB_READY := web/node_modules/.ready
WEB_BUILT := web/dist/index.html
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print)

.PHONY: help setup demo up test rabbitmq lint format bench evaluate chaos stories fuzz timescale lock programs browser

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: programs browser $(WEB_BUILT)  ## everything that use and tests need: .venv with `carebed`, broker, browser, web page

demo: programs $(WEB_BUILT)  ## a district with simulated homes on http://127.0.0.1:8080 (DATA=directory)
	@exec $(BIN)/carebed up --demo --data-dir '$(DATA)'

up: programs $(WEB_BUILT)  ## all processes, with embedded database and broker, without the demo (DATA=directory)
	@exec $(BIN)/carebed up --data-dir '$(DATA)'

# The pure ones first; the others start whole houses. Three at a time on two cores: they wait a third of their time.
THREE := --numprocesses 3 --dist loadfile --no-loadscope-reorder
test: setup lint  ## lint, web tests, then all Python tests
	scripts/with-node npm --prefix web test
	$(BIN)/pytest tests/unit tests/integration tests/stories tests/migration $(THREE)
	$(BIN)/pytest tests/acceptance tests/web $(THREE)

# RabbitMQ is brought by scripts/rabbitmq: as root; where the system's packages have no version 4, into build/roots.
# Left out is the story of 10,000 calls in ten seconds: it measures the machine as much as the broker.
rabbitmq: programs $(PYTHON_READY)  ## set RabbitMQ 4 up, and run the stories of the broker on it
	scripts/rabbitmq setup
	$(BIN)/pytest tests/rabbitmq
	CAREBED_BROKER=rabbitmq $(BIN)/pytest tests/acceptance/test_first_walk.py tests/acceptance/test_crash_ingest.py -k 'not in_the_flow'
	$(BIN)/python -m tests.chaos --broker rabbitmq --faults 60 --out build/chaos-rabbitmq.json

lint: $(PYTHON_READY) $(WEB_READY)  ## format, style, types, import order
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	scripts/with-node npm --prefix web run lint

format: $(PYTHON_READY)  ## bring the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: programs $(PYTHON_READY)  ## the figures of docs/protocol.md, also in build/bench.json
	$(BIN)/python -m benchmarks

# Any folders in the formats of the recordings will do.
HOMES ?= $(CAREBED_RECORDINGS)/homes
VITALS ?= $(CAREBED_RECORDINGS)/vitals

evaluate: $(PYTHON_READY)  ## how well the detectors do, also in build/evaluate.json (HOMES=DIR VITALS=DIR PART=name)
	$(BIN)/python -m evaluation $(PART) --homes '$(HOMES)' --vitals '$(VITALS)' $(if $(DEVELOPMENT),--development)

chaos: programs $(PYTHON_READY)  ## a thousand kills and faults under load, every message accounted for (CHAOS=options)
	$(BIN)/python -m tests.chaos $(CHAOS)

NIGHTS ?= 1000
stories: programs $(PYTHON_READY)  ## failures that take minutes: dead lines, no database, every statement, random nights (NIGHTS=)
	$(BIN)/pytest tests/acceptance -m long --timeout 3600
	CAREBED_TEST_EVERY_STATEMENT=1 $(BIN)/pytest --timeout 3600 tests/acceptance/test_killed_at_every_statement.py \
		tests/acceptance/test_killed_while_telling.py tests/acceptance/test_killed_while_answering.py
	$(BIN)/python -m tests.nights --count $(NIGHTS)

timescale: programs $(PYTHON_READY)  ## integration and migration tests on PostgreSQL 17 with TimescaleDB (needs root)
	@scripts/timescale setup
	CAREBED_TEST_POSTGRES=timescale $(BIN)/pytest tests/integration tests/migration --numprocesses 2 --dist loadfile

# N mutated messages; SEED, ROUND and SIZE are what a failure prints.
N ?= 1000000
fuzz: $(PYTHON_READY)  ## a million mutated messages through decode and pipeline, every one accounted for (N=, SEED=)
	$(BIN)/python -m tests.fuzz --count $(N) $(if $(SEED),--seed '$(SEED)') $(if $(ROUND),--round $(ROUND)) \
		$(if $(SIZE),--size $(SIZE))

# Without the machine's pip configuration, so that no address gets into the files. pip-tools comes with requirements/dev.txt.
PIP_COMPILE := env -u PIP_FIND_LINKS PIP_CONFIG_FILE=/dev/null $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --strip-extras --allow-unsafe

lock: $(PYTHON_READY)  ## pin what pyproject.toml asks for, with hashes
	$(PIP_COMPILE) --only-build-deps --all-build-deps --output-file requirements/build.txt pyproject.toml
	$(PIP_COMPILE) --output-file requirements/runtime.txt pyproject.toml
	$(PIP_COMPILE) --extra dev --all-build-deps --constraint requirements/build.txt --constraint requirements/runtime.txt \
		--output-file requirements/dev.txt pyproject.toml

programs:
	@scripts/system-programs broker

browser:
	@scripts/system-programs browser

# What builds packages from source is pinned too: in isolation pip would fetch the newest there is, unhashed.
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check

# pip is quick to find that nothing is to do, but not as quick as make.
$(PYTHON_READY): requirements/build.txt requirements/dev.txt pyproject.toml
	@scripts/system-programs python
	@echo "Installing the Python packages into .venv (about a minute the first time)"
	@[ -x $(BIN)/python ] || python3 -m venv .venv
	@$(PIP_INSTALL) --require-hashes -r requirements/build.txt
	@$(PIP_INSTALL) --require-hashes --no-build-isolation -r requirements/dev.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# Node may come with the Python packages; a change of those alone is no reason to install these again.
$(WEB_READY): web/package.json web/package-lock.json | $(PYTHON_READY)
	@echo "Installing what the web page is built with"
	@scripts/with-node npm --prefix web ci --no-audit --no-fund --loglevel=error
	@touch $@

$(WEB_BUILT): $(WEB_READY) $(WEB_SOURCES)
	@echo "Building the web page"
	@scripts/with-node npm --prefix web run --silent build >/dev/null
	@touch $@
