# Every command of the project. `make` alone lists them; each does the set-up it needs.
PYTHON ?= python3
# The line of Spark: 3.5 (Databricks 16.4 LTS), or 4.0 (17.3 LTS) in a virtual environment of its own.
SPARK ?= 3.5
VENV := .venv$(if $(filter-out 3.5,$(SPARK)),-spark$(SPARK))
# What a line changes in requirements.lock.
LINE := $(if $(filter-out 3.5,$(SPARK)),requirements-spark$(SPARK).lock)
BIN := $(VENV)/bin
STAMP := $(VENV)/installed.stamp
LAKEHOUSE := $(BIN)/lakehouse
TICKETS ?= 2000
WORKSPACE ?= demo
DATA ?= ../shared/data
# Runs of the suite side by side, each with a Spark session of its own: some 5 GB of memory each.
PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-cluster bench-labels bench-gate bench-gate-public bench-gate-stream lint format type doctor lock clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## create .venv, install the locked packages, fetch the jars once
	@$(LAKEHOUSE) setup

$(STAMP): requirements.lock $(LINE) setup.py
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 12) else "Python 3.11 or 3.12 is needed, this is %d.%d: run make PYTHON=/path/to/python3.11" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: apt-get install python3-venv, then run make again"; exit 1; }
	@echo "Installing the locked packages into $(VENV) (once, a few minutes: torch alone is about 5 GB on disk)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==0.13.8"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -r requirements.lock
	@$(if $(LINE),$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -r $(LINE))
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## tickets in, labelled gold out: the whole flow on real embedded parts
	@$(LAKEHOUSE) demo --workspace $(WORKSPACE) --tickets $(TICKETS)

# Streams of a few rows wait on the driver's one thread: of two cores, one run of the suite leaves nearly one idle.
test: setup lint type  ## lint, types and the whole test suite; SPARK=4.0 runs it on the second line of Spark
	@$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

test-slow: setup  ## the sweeps that are too long for every run
	@$(BIN)/python -m pytest -m slow

test-cluster: setup  ## the streams on a standalone Spark cluster and on an S3 server, against those on this machine
	@$(BIN)/python -m pytest -m slow tests/standalone

bench-labels: setup  ## how right the voters are, on public questions in DATA; writes tests/benchmarks/labels.md
	@$(BIN)/python -m tests.benchmarks.labels $(DATA) --json labels.json --table tests/benchmarks/labels.md

bench-gate: $(STAMP)  ## whether certificates keep their promise, on simulated streams; writes tests/benchmarks/gate.md
	@$(BIN)/python -m tests.benchmarks.gate_certificates --json gate.json --table tests/benchmarks/gate.md

bench-gate-public: setup  ## certified gold from public questions in DATA and 1,000 votes; writes tests/benchmarks/gate_public.md
	@$(BIN)/python -m tests.benchmarks.gate_public $(DATA) --json gate_public.json --table tests/benchmarks/gate_public.md

bench-gate-stream: setup  ## the same through the product's own commands, ingest to certify; writes tests/benchmarks/gate_stream.md
	@$(BIN)/python -m tests.benchmarks.gate_stream $(DATA) --json gate_stream.json --table tests/benchmarks/gate_stream.md

lint: $(STAMP)  ## ruff: style and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: $(STAMP)  ## ruff: mend style and format in place
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

type: $(STAMP)  ## mypy --strict
	@$(BIN)/mypy

doctor: $(STAMP)  ## check Java, jars, versions, memory, disk, Kafka and MLflow
	@$(LAKEHOUSE) doctor

lock: $(STAMP)  ## resolve setup.py's ranges into requirements.lock (the only step that resolves)
	@$(BIN)/uv pip compile setup.py --extra all --extra dev --universal --python-version 3.11 \
	  --constraint conf/constraints.txt --generate-hashes --no-header --quiet --output-file requirements.lock
	@$(BIN)/uv pip compile conf/spark-4.0.txt --no-deps --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements-spark4.0.lock

clean:  ## remove the virtual environment and the demo's workspace
	rm -rf .venv .venv-spark* demo .mypy_cache .pytest_cache .ruff_cache
