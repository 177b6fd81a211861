# make demo | test | lint | format | docs | clean; the first use creates .venv and installs everything.
PYTHON ?= python3.10
BIN = .venv/bin

.PHONY: demo test lint format docs setup clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.10 (lava-nc supports no other), or set PYTHON" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" python benchmarks/fill.py docs/cli.md

clean:
	rm -rf .venv demo
