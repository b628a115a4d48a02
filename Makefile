# Everything that a person types here. A fresh machine needs Python 3.11 or newer (with venv), make and git.
# `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
UV := .cache/bootstrap/bin/uv
# Trust what the machine trusts: behind a company proxy, too.
export UV_SYSTEM_CERTS := 1
export NODE_USE_SYSTEM_CA := 1
BIN := .venv/bin
say = @printf '\033[1m==> %s\033[0m\n'

# What the built dashboard and the installed entry points depend on.
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: .venv/.installed ## Train a teacher, distil a student and a control, show the gain (DATA=fashion_mnist for more)
	@$(BIN)/stillhouse demo $(if $(DATA),--data $(DATA))

.PHONY: up
up: .venv/.installed ## Serve API, dashboard and one worker on this machine, until Ctrl-C
	@$(BIN)/stillhouse up

.PHONY: test
test: .venv/.installed ## Run every test of engine, service and dashboard, on both sets of stores
	@scripts/gates tests

.PHONY: lint
lint: .venv/.installed ## Run every gate except the tests
	@scripts/gates lint

.PHONY: format
format: .venv/.installed ## Format the Python code and mend what can be mended
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: generate
generate: .venv/.installed ## Write the generated files again: catalog, OpenAPI, TypeScript types
	@scripts/gates generate

.PHONY: install
install: .venv/.installed ## Only set up: environment, dashboard, entry points

.PHONY: lock
lock: $(UV) ## Pin the dependencies by hash (UPGRADE=1 takes the newest of each)
	$(say) 'resolving the dependencies'
	@UPGRADE=$(UPGRADE) scripts/lock

.PHONY: clean
clean: ## Remove what was built and installed here (not ~/.stillhouse, where jobs live)
	@rm -rf .venv .cache build dist server/static web/node_modules web/dist *.egg-info
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The set-up, in three steps, each done again only when its inputs change.

$(UV): bootstrap.lock
	$(say) 'bootstrap: a pinned uv in .cache/bootstrap (a few seconds)'
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Stillhouse needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say make PYTHON=python3.12, for example.")'
	@$(PYTHON) -m venv --clear .cache/bootstrap || { echo 'Python lacks venv; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@.cache/bootstrap/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement bootstrap.lock
	@touch $(UV)

.venv/.dependencies: $(UV) requirements.lock
	$(say) 'dependencies into .venv (PyTorch is large: about 5 GB and a few minutes the first time, seconds afterwards)'
	@$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" .venv
	@$(UV) pip install --quiet --python .venv --require-hashes --requirements requirements.lock
	@touch .venv/.dependencies

.venv/.installed: .venv/.dependencies build.lock pyproject.toml hatch_build.py $(WEB_SOURCES)
	$(say) 'the project and its dashboard (half a minute)'
	@$(UV) pip install --quiet --python .venv --no-deps --build-constraints build.lock --editable .
	@touch .venv/.installed
