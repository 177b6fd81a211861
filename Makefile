# make demo | demo-train | test | coverage | test-modern | test-modern-train | lint | format | docs | interop | sanafe | clean; the first use creates .venv and installs everything.
PYTHON ?= python3.10
INTEROP_PYTHON ?= python3.11
MODERN_PYTHON ?= python3.13
BIN = .venv/bin
# Python compiles what is imported, and keeps it, even if the environment forbids that; to compile all that is installed
# takes minutes.
QUICKLY = --quiet --no-compile
unexport PYTHONDONTWRITEBYTECODE
TRAINER = tests/spikebert tests/export tests/deploy/workbench tests/test_same_answers.py
CORE = tests/export tests/simulate tests/deploy tests/spikebert tests/test_cli.py tests/test_layers.py tests/test_tutorial.py tests/test_same_answers.py

.PHONY: demo demo-train test coverage test-modern test-modern-train results bench lint format docs interop sanafe setup clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.10 (lava-nc supports no other), or set PYTHON" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install $(QUICKLY) --upgrade pip
	$(BIN)/pip install $(QUICKLY) --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

demo-train: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/train.sh

test: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Which lines the tests run, by file; a page of each file in htmlcov/.
coverage: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov spikebert --cov export --cov simulate --cov deploy --cov-report term --cov-report html

# The core on a current Python, with current libraries, without Lava, torch and Dask. What needs those is skipped, and says so.
test-modern: .venv-modern/installed
	.venv-modern/bin/python -m pytest -n 2 --dist worksteal -rs $(CORE)

.venv-modern/installed: pyproject.toml constraints-modern.txt
	@$(MODERN_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))' || { echo "make: $(MODERN_PYTHON) is not there, or older than 3.12; set MODERN_PYTHON" >&2; exit 2; }
	$(MODERN_PYTHON) -m venv .venv-modern
	.venv-modern/bin/pip install $(QUICKLY) --constraint constraints-modern.txt --editable '.[test,notebook,docs]'
	touch $@

# The trainer and the exporter there, with current torch and transformers.
test-modern-train: .venv-modern-train/installed
	.venv-modern-train/bin/python -m pytest -n 2 --dist worksteal -rs $(TRAINER)

.venv-modern-train/installed: pyproject.toml constraints-modern.txt
	@$(MODERN_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))' || { echo "make: $(MODERN_PYTHON) is not there, or older than 3.12; set MODERN_PYTHON" >&2; exit 2; }
	$(MODERN_PYTHON) -m venv .venv-modern-train
	.venv-modern-train/bin/pip install $(QUICKLY) --constraint constraints-modern.txt --editable '.[test,train]'
	touch $@

# The tables of docs/results.md from the models in this repository; DATA holds the public sets.
results: setup
	@test -n "$(DATA)" || { echo "make results DATA=FOLDER: the folder of the public sets that docs/results.md names" >&2; exit 2; }
	DATA="$(abspath $(DATA))" PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/fill.py docs/results.md

# The tables of docs/speed.md and of training's speed on this machine, which should have nothing else to do; TEACHER is
# the folder of a teacher.
bench: setup
	@test -n "$(DATA)" -a -n "$(TEACHER)" || { echo "make bench DATA=FOLDER TEACHER=FOLDER: the public sets and the SST-2 teacher" >&2; exit 2; }
	DATA="$(abspath $(DATA))" TEACHER="$(abspath $(TEACHER))" PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/fill.py docs/speed.md
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/fill.py docs/training.md --only benchmarks/training

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# SpikingJelly and snn-mlir need a later Python than Lava allows; the two environments exchange files alone.
.venv-interop/installed: constraints-interop.txt
	@command -v $(INTEROP_PYTHON) >/dev/null || { echo "make: $(INTEROP_PYTHON) not found; install Python 3.11 or later, or set INTEROP_PYTHON" >&2; exit 2; }
	$(INTEROP_PYTHON) -m venv .venv-interop
	.venv-interop/bin/pip install $(QUICKLY) --constraint constraints-interop.txt torch nir nirtorch snntorch norse spikingjelly snn-mlir
	touch $@

interop: setup .venv-interop/installed
	$(BIN)/python -m pytest tests/interop

# SANA-FE is GPL-3 and stays in an environment of its own, which takes files alone; it takes 1 GB of memory.
.venv-sanafe/installed:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; set PYTHON" >&2; exit 2; }
	$(PYTHON) -m venv .venv-sanafe
	.venv-sanafe/bin/pip install $(QUICKLY) sanafe==2.2.9
	touch $@

# The shipped model as SANA-FE simulates it on three texts, its time and energy beside our estimate.
sanafe: setup .venv-sanafe/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/sanafe.sh

docs: setup .venv-modern/installed
	.venv-modern/bin/python benchmarks/notebook.py
	PATH="$(CURDIR)/$(BIN):$$PATH" python benchmarks/fill.py docs/cli.md
	$(BIN)/python benchmarks/api.py > docs/api.md.new && mv docs/api.md.new docs/api.md
	.venv-modern/bin/mkdocs build --quiet

clean:
	rm -rf .venv .venv-interop .venv-modern .venv-modern-train .venv-sanafe demo site
