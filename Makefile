# Everything runs from .venv, which `make install` makes; `make help` lists the commands.
# Variables: PYTHON, WORKERS, LOCAL_DIR, DATA=file.jsonl.gz, SITE=name, LIVE=1, WATCH=1,
# CELERY_WORKERS=2; every setting of docs/settings.md.
# PyTorch on Linux is its CPU build; TORCH=cuda takes pip's default, TORCH_INDEX=URL another index.

WORKERS ?= 3
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
RUN := $(BIN)/python -m
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

# torch has a file of its own: its builds differ by index, so that no list of hashes fits all
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-find-links \
	--no-emit-index-url --no-emit-options --no-emit-trusted-host \
	--unsafe-package torch --unsafe-package pip

.DEFAULT_GOAL := help
export TORCH TORCH_INDEX
.PHONY: help install install-dev up down status demo test coverage check lint types spelling audit fmt lock docs site links pictures clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
		awk 'BEGIN {FS = ":.*## "} {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || \
		{ echo "Python 3.11 or 3.12 is needed; say where with make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

# Installs only when the locked requirements have changed
.venv/installed: requirements.txt requirements-torch.txt | .venv/bin/python
	@echo "Installing the platform into .venv (about 3 GB, minutes the first time)"
	@$(RUN) include.local_stack.install_torch
	$(INSTALL) --no-deps -r requirements.txt
	$(INSTALL) --no-deps --no-build-isolation --editable . # the command `tagkeeper`
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing what tests and checks need"
	$(INSTALL) --no-deps -r requirements-dev.txt
	@touch $@

install: .venv/installed ## install what the platform needs to run, into .venv
install-dev: .venv/installed-dev ## install also what tests and checks need

up: install ## start the platform and wait until it is healthy (DATA=, SITE=, LIVE=1, WATCH=1, CELERY_WORKERS=2)
	@$(RUN) include.cli up

down: install ## stop the platform, also orphaned processes
	@$(RUN) include.cli down

status: install ## processes, addresses, memory and the login
	@$(RUN) include.cli status

demo: install ## run the whole platform from nothing, verifying every step (DATA=, SITE=)
	@$(RUN) include.cli demo

# Dozens of processes import the same modules, also where the user's Python keeps no bytecode
test coverage: export PYTHONDONTWRITEBYTECODE :=
test: install-dev ## every test, in three processes (WORKERS=3)
	$(RUN) pytest -n $(WORKERS) $(ARGS)

coverage: install-dev ## examples, unit and serving tests, with the share of code lines that they run
	$(RUN) pytest -n $(WORKERS) include serving tests/unit tests/serving --cov --cov-report= $(ARGS)

lint: install-dev ## style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev ## static types
	$(BIN)/mypy

check: lint spelling types site test ## what CI runs: lint, spelling, types, links, tests

spelling: install-dev ## misspelt words in code and documents
	$(BIN)/codespell

audit: install-dev ## known vulnerabilities of the locked versions
	@bash .ci/audit

fmt: install-dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install ## generate the pages in docs/ that come from code
	$(RUN) include.cli docs

# Not quietly: a warning that is not printed does not fail a strict build. The notice of MkDocs 2 is none of ours.
site: install-dev ## the documents as a site in build/site; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

links: install-dev ## follow the links of the documents to other sites (needs a network)
	@$(RUN) tests.links

pictures: install-dev ## the pictures in docs/, from a platform that it starts (minutes)
	@$(RUN) tests.pictures $(ARGS)

lock: install-dev ## compile requirements*.in into full locks, with hashes
	$(COMPILE) --output-file=requirements.txt requirements.in
	$(COMPILE) --output-file=requirements-dev.txt requirements-dev.in
	$(COMPILE) --output-file=requirements-serving.txt requirements-serving.in

clean: ## remove caches; keeps .venv and the platform's state
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage build
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

BENCHES := quality serve serve-large page ingest text year drift alarms intervals faults scale cadence beyond surge celery poison labels estimated-loss trees
.PHONY: $(BENCHES:%=bench-%)
bench-quality: ## F1 of every candidate and of peers, month by month (DATA=, SITE=, FROM=, TO=)
bench-serve: ## requests a second and delays beside MLflow's server and a bare route
bench-serve-large: ## latency, memory and explanations with a model of 5,000 tags
bench-page: ## time from the last key to the first suggestion on the page, in headless Chromium
bench-ingest: ## rows a second beside a bare COPY and an ORM
bench-text: ## posts a second beside BeautifulSoup
bench-year: ## a year of monthly models through Airflow beside a plain loop (DATA=, SITE=, FROM=, TO=)
bench-drift: ## drift found, delay and false alarms beside Evidently's defaults
bench-alarms: ## false alarms on quiet months in shuffled order, by length of history (ARGS=)
bench-intervals: ## how often a stability report's intervals hold the truth, in simulated years (ARGS=)
bench-faults: ## what survives kills, full disks and wrong input
bench-scale: ## every stage at 20,000 to 300,000 questions and 5,000 tags (SIZES=20000,100000)
bench-celery: ## a year of monthly models on one and two Celery workers beside the LocalExecutor
bench-cadence: ## what weekly refits and rare tags gain over monthly ones (DATA=, SITE=, FROM=, TO=)
bench-beyond: ## the most that tags beyond the vocabulary could gain between fits (DATA=, SITE=, FROM=, TO=)
bench-surge: ## when new tags are a surge, on real months and on a simulated large site (ARGS=)
bench-poison: ## what stops a month whose tags are wrong, and what it would cost (DATA=, SITE=, FROM=, TO=)
bench-labels: ## what tags cost that people have not settled yet: check, gate and training (DATA=, SITE=, MONTHS=)
bench-estimated-loss: ## F1 estimated from scores beside F1 measured later (DATA=, SITE=, FROM=, TO=)
bench-trees: ## label trees beside linear and tfidf, where omikuji and napkinxc are installed (ARGS=)
# It runs a process for each core, whose linear algebra must not take the others' as well
bench-drift bench-alarms bench-intervals: export OPENBLAS_NUM_THREADS := 1
$(BENCHES:%=bench-%): bench-%: install-dev
	@$(RUN) tests.benchmarks.bench_$(subst -,_,$*) $(ARGS)
