# Everything that is done to this project is done by one of these commands. `make help` lists them.

# The first Python on the path that is new enough. Another one that is named gets an environment of
# its own.
ifdef PYTHON
VENV ?= .venv-$(or $(shell scripts/pythons --version-of "$(PYTHON)"),$(notdir $(PYTHON)))
else
PYTHON := $(shell scripts/pythons --first)
VENV ?= .venv
endif
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The compiled files of the tests are kept, which saves much of the time, but not among the sources.
TESTING = env -u PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX=$(abspath $(VENV))/pycache $(BIN)
PYTEST = -m pytest --max-worker-restart 0 --numprocesses
# Many a quick test waits for something, so one process more than there are cores has work to do.
PROCESSES = $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); \
	if [ "$$n" -lt 4 ]; then echo $$((n + 1)); else echo 4; fi)
# Python 3.12.1 crashes if one thread is traced by instruction and others for their coverage.
CRASHES_IF_MEASURED = $(filter 3.12,$(shell scripts/pythons --version-of $(BIN)/python))
# Not --quiet, which hides warnings even from --strict, so that nothing counts.
MKDOCS = NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
INSTALL = $(PIP) install --require-hashes -r requirements/build.txt && \
	$(PIP) install --no-build-isolation --no-deps --editable .

export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check format docs docs-serve bench-peers bench bench-full bench-free-threaded bench-optimised stress dist lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/ready-$(if $(OBSERVE),examples,demo) ## run the main job: parse Python's own standard library with a pool of actors; OBSERVE=1 to see them at it
ifdef OBSERVE
	@out=$$(mktemp) && trap 'rm -f "$$out"' EXIT && \
	{ $(BIN)/python -m pykka run --allow restart,trace examples/stdlib_census.py $(FOLDER) >"$$out" 2>&1 & } && pid=$$!; \
	$(BIN)/python -m pykka observe --wait 20 $$pid; echo "The census goes on to its end …"; wait $$pid; cat "$$out"
else
	@$(BIN)/python examples/stdlib_census.py $(FOLDER)
endif

test: $(VENV)/ready-examples ## run the quick tests, in about three minutes; on another Python: make test PYTHON=…
	@echo "The quick tests, on $$($(BIN)/python --version), take about three minutes on two cores …"
	@$(TESTING)/python $(PYTEST) $(PROCESSES)
	@echo "The quick tests have passed. make test-all and make stress try more."

test-all: $(VENV)/ready-dev ## run the exhaustive tests, with coverage, in about sixteen minutes
	@echo "The exhaustive tests, on $$($(BIN)/python --version), take about sixteen minutes on two cores …"
	@$(if $(CRASHES_IF_MEASURED),$(TESTING)/python $(PYTEST) auto --maxprocesses 4 --exhaustive, \
	$(BIN)/coverage erase && $(TESTING)/coverage run $(PYTEST) auto --maxprocesses 4 --exhaustive && \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report)
	@echo "The exhaustive tests have passed$(if $(CRASHES_IF_MEASURED),; coverage is not measured on Python 3.12)."

check: $(VENV)/ready-dev ## format, lint, types, import contracts, docs
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache
	$(MKDOCS)

format: $(VENV)/ready-dev ## format the code and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/ready-dev ## build the documentation into site/
	$(MKDOCS)

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
	$(BIN)/python -m benchmarks run --full --only timers many-messages 'route-*' 'simulated-*' --against asyncio thread AsyncioActor \
		--resume --out benchmarks/results/extras.json
	$(BIN)/python -m benchmarks free-threaded $(or $(addprefix --python ,$(FREE_THREADED)),--if-found)
	$(BIN)/python -m benchmarks optimised $(or $(addprefix --python ,$(OPTIMISED)),--if-found)
	$(BIN)/python -m benchmarks page benchmarks/results/full.json

bench-free-threaded: $(VENV)/ready-bench ## a few benchmarks without the GIL and with it: make bench-free-threaded FREE_THREADED=…
	$(BIN)/python -m benchmarks free-threaded $(addprefix --python ,$(FREE_THREADED))

bench-optimised: $(VENV)/ready-bench ## a few benchmarks on a Python that was built with PGO, and on this one: make bench-optimised OPTIMISED=…
	$(BIN)/python -m benchmarks optimised $(addprefix --python ,$(OPTIMISED))

dist: $(VENV)/ready-dist ## build what is published into dist/, the wheel from the source distribution, and check it
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*

lock: ## pin the newest versions of everything in requirements/
	scripts/lock --upgrade

clean: ## remove what the other commands made
	rm -rf .venv .venv-* .bench .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* dist site

# --- environments; each command makes the one it needs, or uses it as it is ---------------------

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No supported Python found (3.11 to 3.14); name one with PYTHON=…" >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON) …"
	@python=$$(scripts/pythons --find "$(PYTHON)") || exit 1; \
	"$$python" -m venv "$(VENV)" || { rm -rf "$(VENV)"; \
		echo "$$python cannot make a virtual environment; install its venv module (python3-venv)" >&2; exit 1; }

# For free-threaded builds there are no wheels of some of what the tests and the examples need. The
# tests then do with an older version; and those that need what the examples need are skipped.
IS_FREE_THREADED = $(BIN)/python -c \
	"import sysconfig; exit(not sysconfig.get_config_var('Py_GIL_DISABLED'))"

$(VENV)/ready-examples: requirements/examples.txt $(VENV)/ready-test
	@if $(IS_FREE_THREADED); then touch $@; exit; fi; \
	echo "Installing $< …"; $(PIP) install --require-hashes -r $< && touch $@

$(VENV)/ready-test: requirements/test.txt requirements/test-free-threaded.txt \
		requirements/build.txt pyproject.toml src/pykka/_version.py | $(BIN)/python
	@if $(IS_FREE_THREADED); then file=requirements/test-free-threaded.txt; else file=$<; fi; \
	echo "Installing $$file …"; $(PIP) install --require-hashes -r $$file
	@$(INSTALL)
	@touch $@

$(VENV)/ready-%: requirements/%.txt requirements/build.txt pyproject.toml src/pykka/_version.py | $(BIN)/python
	@echo "Installing $< …"
	@$(PIP) install --require-hashes -r $<
	@$(INSTALL)
	@touch $@
