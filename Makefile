# make help lists the targets. Everything is installed into .venv, with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHECKS := $(patsubst %,tests/test_%.py,layout words tables site conf readme experiments)
PARALLEL := --numprocesses logical --maxprocesses 4 --dist worksteal
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

.PHONY: help run studio test slow check tables docs tutorials build install clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: install ## ten minutes: predict dots with a shipped network; train two networks and compare them on a page
	@echo "[1/2] predicting 100 new dots with the shipped network gaas-N2, and solving them (one minute)"
	$(BIN)/python evaluate.py checkpoint=gaas-N2
	@echo "[2/2] solving 2600 dots, and training pix2pix and a regressor on them, three minutes each"
	$(BIN)/python train.py -m sweep=quickstart

studio: $(VENV)/studio.stamp ## draw, predict and solve dots on a local web page
	$(BIN)/qd-studio

test: $(VENV)/test.stamp ## install what the tests need, and run them; those of documents and options belong to make check
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL) $(CHECKS:%=--ignore=%)

slow: $(VENV)/test.stamp ## the tests that make test leaves out; pytest returns 5 where there are none
	$(BIN)/python -m pytest -m slow $(PARALLEL) || [ $$? -eq 5 ]

check: $(VENV)/check.stamp docs ## ruff, types, spelling, layout, phrases, tables, the site, options, examples of documents, experiments
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pre-commit run --all-files
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL) $(CHECKS)

docs: $(VENV)/docs.stamp ## build the documentation in site/; fails for broken links and pages without a row in docs/index.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean

tutorials: $(VENV)/docs.stamp ## execute the notebooks of docs/tutorials and store their outputs
	$(BIN)/python docs/hooks/run_tutorials.py

tables: $(VENV)/install.stamp ## write the tables of README, docs and experiments from their results
	$(BIN)/python -m experiments.tables

build: $(VENV)/build.stamp ## sdist and wheel in dist/
	$(BIN)/python -m build

install: $(VENV)/install.stamp ## create .venv and install the package

$(VENV)/install.stamp: pyproject.toml setup.py constraints.txt
	@echo "installing into $(VENV), one to five minutes; torch is the largest part"
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) .
	touch $@

$(VENV)/studio.stamp: $(VENV)/install.stamp
	$(INSTALL) '.[studio]'
	touch $@

$(VENV)/test.stamp: $(VENV)/install.stamp
	$(INSTALL) '.[test]'
	touch $@

$(VENV)/check.stamp: $(VENV)/test.stamp
	$(INSTALL) '.[check]'
	touch $@

$(VENV)/docs.stamp: $(VENV)/install.stamp
	$(INSTALL) '.[docs]'
	touch $@

$(VENV)/build.stamp: $(VENV)/install.stamp
	$(BIN)/python -m pip install --quiet --constraint constraints.txt build
	touch $@

clean: ## remove .venv, builds and caches; datasets and runs stay
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
