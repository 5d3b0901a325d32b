# Everything that is done to this project is done by one of these commands. `make help` lists them.

# The first Python on the path that is new enough.
PYTHON ?= $(shell scripts/pythons --first)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL = $(PIP) install --require-hashes -r requirements/build.txt && \
	$(PIP) install --no-build-isolation --no-deps --editable .

export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-only check format docs docs-serve bench-peers bench bench-full bench-free-threaded stress wheel lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/ready-demo ## run the main job: parse Python's own standard library with a pool of actors
	@$(BIN)/python examples/stdlib_census.py $(FOLDER)

test: $(VENV)/ready-dev ## run the tests, with coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-only: $(VENV)/ready-examples ## run the tests on another Python: make test-only PYTHON=… VENV=…
	$(BIN)/python -m pytest --ignore tests/types

check: $(VENV)/ready-dev ## format, lint, types, import contracts, docs
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(VENV)/ready-dev ## format the code and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/ready-dev ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: $(VENV)/ready-dev ## serve the documentation while it is written
	$(BIN)/mkdocs serve

stress: $(VENV)/ready-dev ## the long form of the tests that hunt for races
	$(BIN)/python -m pytest tests/stress -p no:cacheprovider --timeout 3600 -s

bench-peers: $(VENV)/ready-bench ## install what the benchmarks compare with, each in an environment of its own
	$(BIN)/python -m benchmarks peers

bench: $(VENV)/ready-bench ## the benchmarks, in about two minutes
	$(BIN)/python -m benchmarks run

bench-full: $(VENV)/ready-bench-full ## the benchmarks with all peers and curves; refreshes docs/performance.md
	$(BIN)/python -m benchmarks run --full --resume --out benchmarks/results/full.json
	$(BIN)/python -m benchmarks free-threaded --if-found
	$(BIN)/python -m benchmarks page benchmarks/results/full.json

bench-free-threaded: $(VENV)/ready-bench ## a few benchmarks without the GIL and with it: make bench-free-threaded FREE_THREADED=…
	$(BIN)/python -m benchmarks free-threaded $(if $(FREE_THREADED),--python $(FREE_THREADED))

wheel: $(VENV)/ready-dev ## build the wheel into dist/
	$(PIP) wheel --no-build-isolation --no-deps --wheel-dir dist .

lock: ## pin the newest versions of everything in requirements/
	scripts/lock

clean: ## remove what the other commands made
	rm -rf .venv .venv-* .bench .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* dist site

# --- environments; each command makes the one it needs, or uses it as it is ---------------------

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No supported Python found (3.11 to 3.14); name one with PYTHON=…" >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON) …"
	@"$(PYTHON)" -m venv "$(VENV)" || { rm -rf "$(VENV)"; \
		echo "$(PYTHON) cannot make a virtual environment; install its venv module (python3-venv)" >&2; exit 1; }

# Some of what the examples need has no wheels for free-threaded builds. There, the tests that need
# it are skipped.
$(VENV)/ready-examples: requirements/examples.txt $(VENV)/ready-test
	@$(BIN)/python -c "import sysconfig; exit(bool(sysconfig.get_config_var('Py_GIL_DISABLED')))" || \
		{ touch $@; exit 0; }; \
	echo "Installing $< …"; $(PIP) install --require-hashes -r $< && touch $@

$(VENV)/ready-%: requirements/%.txt requirements/build.txt pyproject.toml src/pykka/_version.py | $(BIN)/python
	@echo "Installing $< …"
	@$(PIP) install --require-hashes -r $<
	@$(INSTALL)
	@touch $@
