# Every target does its own set-up: a virtual environment from a lock file with hashes.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SECONDS_OF_DEMO ?= 45
SEEDS ?= 1-200
N ?= 5
# Of the tests: most of their time is waiting, so three keep two processors busy.
PROCESSES ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test wheel-check lint types mutants bench docs drill demo-loaded simulate prices peers-llm clean

help: ## what can be made here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(f"Leadline needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## the main job end to end on the built-in exchange, then the proofs
	$(BIN)/leadline demo --seconds $(SECONDS_OF_DEMO)

test: $(READY) ## all tests, in several processes: make test PROCESSES=1 to see them one by one
	$(BIN)/pytest -n $(PROCESSES) --dist worksteal

wheel-check: $(READY) ## the installed wheel far from here: demo, and up until every deployment ran (minutes)
	$(BIN)/python -m tests.wheel

lint: $(READY) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	$(BIN)/mypy

mutants: $(READY) ## break the code by hand, one way at a time; the tests must notice each
	$(BIN)/python -m tests.mutants

drill: $(READY) ## kill, stop, cut off and hand over real processes; a scorecard (some 35 minutes)
	$(BIN)/python -m tests.drills
	$(BIN)/python -m tests.drills.silent_faults || [ $$? -eq 2 ]  # 2: no recordings here
	$(BIN)/python -m tests.drills.crashes || [ $$? -eq 2 ]

demo-loaded: $(READY) ## demos on a machine that is kept busy: make demo-loaded N=5; goes on where it was stopped
	$(BIN)/python -m tests.drills.loaded --count $(N)

simulate: $(READY) ## whole lives under virtual time against the venue's truth: make simulate SEEDS=1-2000
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

bench: $(READY) ## one table: naive, ours, peers; socket to book; socket to durable row
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-peers.lock \
	  || echo "peers could not be installed; their rows will say so"
	$(BIN)/python -m bench

prices: $(READY) ## adds the extra "prices": a second source of list prices
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-prices.lock

docs: $(READY) ## the documentation as a site, in site/; a broken link fails
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-docs.lock
	$(BIN)/python docs/reference.py
	$(BIN)/zensical build --strict --clean

peers-llm: ## aimock, a second independent model server for the tests; needs node
	@if command -v npm >/dev/null; then npm ci --prefix tests/tasks/llm/peers --ignore-scripts --no-audit --no-fund; \
	else echo "no npm here: the tests that want aimock will be skipped"; fi

clean: ## remove what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .cache site
