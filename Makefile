# Two commands do all the set-up: `make conformance` runs the suite on the reference server,
# `make test` passes the project's own tests. Everything lives in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REPORTS := reports
JOBS ?= 3

# The tests run the suite hundreds of times; compiled again each time, its start would take twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help conformance incident test test-long check format docs lock browser clean

help:
	@echo "make conformance   run the whole suite on the reference server, write the reports"
	@echo "make incident      rebuild the incident of the shared port, and let the doctor find it"
	@echo "make test          formatter, linter, types, imports and the project's own tests"
	@echo "make test-long     the tests that take too long for each change"
	@echo "make format        format the code"
	@echo "make docs          write the specification's pages anew"
	@echo "make lock          pin the dependencies anew"
	@echo "make clean         remove the environment and what runs wrote"

conformance: $(VENV)/.run browser
	@echo "== Running the conformance suite against the reference server"
	$(BIN)/python -m pytest --html=$(REPORTS)/tests.html --self-contained-html -q
	@echo "== Reports: $(REPORTS)/conformance.html, $(REPORTS)/conformance.json, $(REPORTS)/tests.html"

incident: $(VENV)/.dev
	@$(BIN)/python -m conformance doctor --demo

test: $(VENV)/.dev browser check
	@echo "== Running the project's tests"
	$(BIN)/python -m pytest -q -p no:cacheprovider -n $(JOBS) --dist worksteal $(or $(ARGS),tests -m "not long")

test-long: $(VENV)/.dev browser
	@echo "== Running the project's tests that take long"
	$(BIN)/python -m pytest -q -p no:cacheprovider -n $(JOBS) --dist worksteal tests -m long

check: $(VENV)/.dev
	@echo "== Checking format, lint, types and imports"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_sentences.py

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

browser: | $(VENV)/.made
	@scripts/browser $(BIN)/python

$(VENV)/.made:
	@echo "== Making the environment in $(VENV)"
	@scripts/environment $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.lock pyproject.toml | $(VENV)/.made
	@echo "== Installing pinned dependencies"
	@if [ ! -e $(VENV)/.dev ]; then $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.lock; fi
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(VENV)/.made
	@echo "== Installing pinned dependencies, those of the tests too"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

docs: $(VENV)/.dev
	$(BIN)/python -m conformance spec --output docs/specification.md
	$(BIN)/python -m conformance spec --html --output docs/specification.html

lock: $(VENV)/.made
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv
	$(BIN)/uv pip compile -q pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -o requirements/run.lock
	$(BIN)/uv pip compile -q pyproject.toml --group dev --group targets --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements/run.lock -o requirements/dev.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find $(REPORTS) -mindepth 1 ! -name README.md -delete
