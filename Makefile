# `make report` and `make test` need nothing but Python 3.11 (or newer) and make.
PYTHON ?= python3
VENV ?= .venv
STUDIES ?=
OUT ?= build
BIN = $(VENV)/bin

.PHONY: report test quick lint bench simulation clean

report: $(VENV)/.report
	$(BIN)/python -m report build $(STUDIES) --out $(OUT)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadfile

# The lint and the tests that a change concerns, but for whole documents.
quick: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tests/concerned.py modules | xargs -r $(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python tests/concerned.py tests | xargs $(BIN)/python -m pytest -n auto --dist loadfile -q -m "not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/.test
	$(BIN)/python benchmarks/resampling.py

# How far the methods hold at small n: rewrites templates/simulation.json and docs/simulation.md.
simulation: $(VENV)/.test
	$(BIN)/python benchmarks/simulation.py

$(VENV)/.report: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.test: $(VENV)/.report
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

$(VENV)/.dev: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist
