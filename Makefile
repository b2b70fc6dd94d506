# demo, test, check, bench: each does all of its own set-up.
PYTHON ?= python3.11
HOST ?= 127.0.0.1
PORT ?= 7860
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
# requirements.txt names vllm, which needs a GPU.
REQUIREMENTS ?= $(if $(shell command -v nvidia-smi),requirements.txt,requirements-cpu.txt)

ifneq ($(wildcard ../shared/data),)
export STEADFAST_DATA ?= $(abspath ../shared/data)
endif
# Two spinning OpenMP threads on a busy two-core machine are many times slower than one.
export OMP_WAIT_POLICY ?= PASSIVE
export GOMP_SPINCOUNT ?= 0

.PHONY: setup setup-dev demo test check lint bench clean

setup: $(VENV)/.installed

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt requirements-cpu.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r $(REQUIREMENTS)
	touch $@

setup-dev: $(VENV)/.installed-dev

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

demo: setup
	$(BIN)/python app.py --host $(HOST) --port $(PORT)

test: setup-dev
	$(BIN)/python -m pytest

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

# Folder with LMentry and BBH of Mizrahi et al. (2024).
MULTI_PROMPT ?= $(STEADFAST_DATA)/multi_prompt

# The peer that scoring is measured beside, in an environment of its own; the benchmark says so
# and goes on where it cannot be installed.
$(BENCH)/.installed: requirements-bench.txt
	@if $(PYTHON) -m venv $(BENCH) && $(BENCH)/bin/python -m pip install --quiet -r $<; \
	then touch $@; else echo "lm-eval could not be installed into $(BENCH)" >&2; fi

bench: setup $(BENCH)/.installed
	$(BIN)/python benchmarks/prediction.py $(MULTI_PROMPT)
	$(BIN)/python benchmarks/scoring.py

clean:
	rm -rf $(VENV) $(BENCH) .pytest_cache .mypy_cache .ruff_cache
