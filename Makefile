# Two commands: `make serve` and `make test`. Everything goes into .venv; nothing else of the machine is touched.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
TORCH_INDEX ?=
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --prefer-binary -c constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
MADE := $(VENV)/.made
SERVING := $(VENV)/.serving
DEVELOPING := $(VENV)/.developing
MODEL := $(VENV)/.model
# One export serves every home of this clone.
export MNEME_MODEL_DIR ?= $(CURDIR)/$(VENV)/mneme-models

.DEFAULT_GOAL := help
.PHONY: help serve demo test test-long lint format types check bench clean install openapi

help: ## show this list
	@echo "make <target>, with these targets:"
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'
	@echo
	@echo "Variables: PYTHON=<interpreter, 3.11 to 3.13>  MNEME_HOME=<data>  MNEME_PORT=<port>  PYTEST_ARGS=<more>"
	@echo "           TORCH_INDEX=<an extra package index, e.g. one with CPU builds of torch>"

serve: $(SERVING) $(MODEL) ## install, export the encoder once, start the service; Ctrl-C stops it
	@exec $(BIN)/mneme serve

demo: $(SERVING) $(MODEL) ## a temporary instance, a conversation, questions and their context
	@exec $(BIN)/mneme demo

test: $(DEVELOPING) $(MODEL) ## all tests but the long ones, on real stores that they start themselves
	@exec $(BIN)/pytest -m "not long" -n 3 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-long: $(DEVELOPING) $(MODEL) ## crash, property and scale runs
	@exec $(BIN)/pytest -m long $(PYTEST_ARGS)

lint: $(DEVELOPING) ## ruff: format and rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(DEVELOPING) ## write the format, fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(DEVELOPING) ## mypy, strict
	$(BIN)/mypy

check: ## what a merge needs: format, lint, types, contract, tests
	@exec bash .ci/run

bench: $(DEVELOPING) $(MODEL) ## measure retrieval on generated conversations, on a temporary instance
	$(BIN)/mneme eval synthetic

openapi: $(DEVELOPING) ## write docs/openapi.json anew
	$(BIN)/python -m app.http.openapi > docs/openapi.json

install: $(DEVELOPING) $(MODEL) ## the development environment, without starting anything

clean: ## remove .venv and what tools left; data in MNEME_HOME stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13; name another: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making $(VENV)"
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(SERVING): $(MADE) pyproject.toml constraints.txt
	@echo "Installing (minutes at the first time: torch is needed once, to export the encoder)"
	@$(PIP) -e '.[model]'
	@touch $@

$(DEVELOPING): $(MADE) pyproject.toml constraints.txt
	@echo "Installing for development (minutes at the first time)"
	@$(PIP) -e '.[model,dev]'
	@touch $(SERVING) $@

$(MODEL): app/inference/export.py app/inference/manifest.py | $(SERVING)
	@$(BIN)/mneme model export
	@touch $@
