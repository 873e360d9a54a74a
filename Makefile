# make help lists the targets. Everything is installed into .venv, with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test check install clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: install ## the main job: solve dots, train pix2pix, evaluate, write the report (ten minutes on two cores)
	$(BIN)/python train.py experiment=quickstart

test: $(VENV)/test.stamp ## install what the tests need, and run them
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

check: $(VENV)/test.stamp ## ruff, types, layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layout.py

install: $(VENV)/install.stamp ## create .venv and install the package

$(VENV)/install.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/test.stamp: $(VENV)/install.stamp
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,check]'
	touch $@

clean: ## remove .venv and caches; datasets and runs stay
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
