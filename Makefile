# One command each: see `make help`. Everything is installed into .venv and reused.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint types ui bench clean-data

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ..."'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(STAMP) ## simulate a cohort, materialise everything, print the leaderboard
	$(BIN)/cup demo

ui: $(STAMP) ## the Dagster UI on http://127.0.0.1:3000, with what the demo made
	$(BIN)/cup ui

lint: $(STAMP) ## format and lint checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP) ## type check
	$(BIN)/mypy

test: lint types ## lint, types and tests
	$(BIN)/pytest -m "not slow"

test-all: lint types ## the same with the slow tests
	$(BIN)/pytest

clean-data: ## delete everything the demo made
	find data -mindepth 1 ! -name README.md -delete
