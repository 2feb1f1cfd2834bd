# The words of this project's trade; each does one thing and calls the command line.
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
UV := $(shell command -v uv || echo .tools/bin/uv)
RUN := $(UV) run --frozen --no-sync

.PHONY: help install build up down status logs test check lint format bench install-dev

help: ## list these words
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.tools/bin/uv:
	@python3 -m venv .tools && .tools/bin/pip install --quiet uv==$(UV_VERSION)

install: $(filter .tools/%,$(UV)) ## install everything that the platform needs, as locked
	@$(UV) sync --frozen --extra platform --no-dev --quiet

install-dev: $(filter .tools/%,$(UV))
	@$(UV) sync --frozen --extra platform --quiet

check: lint test ## format, lint, types, import contracts, tests: what CI runs

lint: install-dev
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) lint-imports --no-logo

test: install-dev ## every test
	@$(RUN) pytest

format: install-dev ## put the code into its format
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .
