# Two commands matter: `make staging` and `make test`. Both set the machine up first.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
ARGS ?=
# Where it is set, hundreds of child processes would compile what they import, each anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup test test-exhaustive staging down bench lint lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

staging: $(VENV)/.ready ## from nothing to a model in staging, behind its load gate, on this machine
	@$(VENV)/bin/cx doctor --brief $(filter --site=%,$(subst --site ,--site=,$(ARGS)))
	@$(VENV)/bin/cx setup
	$(VENV)/bin/pytest features/ --env=staging $(ARGS)

test: setup lint ## everything that needs no cluster; of large matrices, samples of each kind
	$(VENV)/bin/pytest tests/ -n 2 -m "not exhaustive" $(ARGS)

test-exhaustive: setup ## the points of those matrices that `make test` leaves out
	$(VENV)/bin/pytest tests/ -n 2 -m exhaustive $(ARGS)

lint: $(VENV)/.ready ## style, types, layers, and the same for YAML, HCL, shell, Ansible
	@scripts/lint $(VENV)/bin

setup: $(VENV)/.ready ## system packages, Python environment, toolchain
	@$(VENV)/bin/cx setup

down: $(VENV)/.ready ## take the local site down; leaves nothing behind
	$(VENV)/bin/cx down

bench: setup ## the figures that we hold ourselves to, as a table
	$(VENV)/bin/python -m benchmarks

lock: ## resolve the Python packages anew into requirements.lock
	$(VENV)/.uv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
	  --group dev pyproject.toml --output-file requirements.lock

$(VENV)/.ready: requirements.lock pyproject.toml scripts/system-packages scripts/bootstrap
	@scripts/bootstrap $(PYTHON) $(VENV)
	@touch $@
