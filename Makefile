# One command each: see `make help`. Everything is installed into .venv and reused.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint types ui bench bench-parity bench-normalisation bench-accuracy bench-quality bench-cnv screenshots constraints clean-data bench-leaderboard bench-judging bench-models bench-variances bench-spark bench-batch bench-adjustment fuzz soak kills bench-boruta

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 22

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

bench: $(STAMP) ## seconds and memory of every stage on full-size 450k arrays (long)
	$(BIN)/python benchmarks/full_size.py --array 450k --samples 24

bench-parity: $(STAMP) ## betas and p-values against methylprep's, and why they differ (minutes)
	$(BIN)/python benchmarks/parity.py

bench-normalisation: $(STAMP) ## seconds and memory from IDAT files to betas, against peers (minutes)
	$(BIN)/python benchmarks/normalisation.py

bench-accuracy: $(STAMP) ## error against simulated truth, by method and material, and peers' (minutes)
	$(BIN)/python benchmarks/accuracy.py

bench-adjustment: $(STAMP) ## what adjusting for FFPE and frozen does to samples never seen, against simulated truth
	$(BIN)/python benchmarks/adjustment.py

bench-quality: $(STAMP) ## detection rates of quality control on simulated cohorts with planted mistakes (minutes)
	$(BIN)/python benchmarks/quality.py

bench-cnv: $(STAMP) ## copy number: calls against simulated truth, segmentations, speed against mepylome (minutes)
	$(BIN)/python benchmarks/cnv_accuracy.py
	$(BIN)/python benchmarks/cnv_segmentation.py
	$(BIN)/python benchmarks/cnv_speed.py

bench-models: $(STAMP) ## a fit and an inner grid of every model; the row space against all columns
	$(BIN)/python benchmarks/models.py --peer --samples 700
	$(BIN)/python benchmarks/models.py

bench-leaderboard: $(STAMP) ## the whole leaderboard, 1,400 simulated samples, 5 x 5 nested; and how it grows (an hour or more)
	$(BIN)/python benchmarks/leaderboard.py
	$(BIN)/python benchmarks/leaderboard.py --growth

bench-judging: $(STAMP) ## judging 1,400 samples x 30 classes: metrics, intervals, comparisons, pictures (minutes)
	$(BIN)/python benchmarks/judging.py

bench-novelty: $(STAMP) ## what a release says of classes that it has never seen, on the data folder's reference samples
	$(BIN)/python benchmarks/novelty.py --data data

bench-boruta: $(STAMP) ## what Boruta and stability selection find of simulated truth; speed against BorutaPy (minutes)
	$(BIN)/python benchmarks/important_cpgs.py

bench-batch: $(STAMP) ## a batch of 96 full-size 450k samples: computing, storing, reading back
	$(BIN)/python benchmarks/batch.py

bench-variances: $(STAMP) ## the steps before the models: one walk for all training parts against one for each (minutes)
	$(BIN)/python benchmarks/variances.py

bench-spark: $(STAMP) ## what Spark costs beside local processes, and how a large matrix travels (minutes)
	$(BIN)/python benchmarks/spark.py --large

FUZZ_SECONDS ?= 300
fuzz: $(STAMP) ## look for files that a reader does not expect, by coverage (FUZZ_SECONDS each, 10 readers)
	$(BIN)/python -m cup_assets_tests.fuzz.explore --seconds $(FUZZ_SECONDS)

SOAK_BATCHES ?= 200
soak: $(STAMP) ## many small batches through a running platform: none lost, cost and memory flat (hours)
	$(BIN)/python benchmarks/soak.py --batches $(SOAK_BATCHES)

kills: $(STAMP) ## kill -9 at 20 random moments of a run, and say where each fell (minutes)
	$(BIN)/pytest -s cup_assets_tests/orchestration/test_killed_at_random.py

UI ?= http://127.0.0.1:3000
screenshots: $(STAMP) ## take all pictures of README and docs anew, of a running `make ui` with the demo's data (needs Chromium)
	$(BIN)/python -m cup_assets_tests.end_to_end.screenshots $(UI) docs/images

constraints: ## resolve the newest versions anew and write constraints.txt
	$(PYTHON) -m venv .venv-resolve
	.venv-resolve/bin/pip install --quiet --upgrade '.[dev]'
	{ head -n 1 constraints.txt; .venv-resolve/bin/pip freeze --exclude cup-assets \
		| sed -E 's/\+cpu$$//; s/^xgboost-cpu(==.*)/&\nxgboost\1/' | sort -f; } > .constraints.new
	mv .constraints.new constraints.txt
	rm -r .venv-resolve

clean-data: ## delete everything the demo made
	find data -mindepth 1 ! -name README.md -delete
