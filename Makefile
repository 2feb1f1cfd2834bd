# Targets for users and developers; most call the command line.
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
UV := $(shell command -v uv || echo .tools/bin/uv)
RUN := "$(UV)" run --frozen --no-sync
# keys and tokens of known formats, and passwords in URLs except those of examples
SECRETS := detect-secrets-hook --no-verify --exclude-secrets '^(PASSWORD|hidden|secret|se%40cret)$$' \
  $(addprefix --disable-plugin ,Base64HighEntropyString HexHighEntropyString KeywordDetector)
CARVALUE := .venv/bin/python -m carvalue
# a small separate model, without servers
QUICKLY := DATA_SOURCE=sample SAMPLE_ROWS=4000 TRAINING_BUDGET=quick STATE_DIR=var/bench-quote \
  MLFLOW_TRACKING_URI=sqlite:///var/bench-quote/mlflow.db
PYTHONS := >=3.11,<3.14

.PHONY: help install install-dev build up down status logs test check lint audit format demo-drift demo-loop bench bench-drift bench-quote bench-serving bench-load docs screenshots

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: install ## install, start the platform, train a model, price a car (DATA_SOURCE=path: your own listings)
	@$(CARVALUE) build $(if $(AGAIN),--again)

up: install ## start every part of the platform and wait until all are healthy
	@$(CARVALUE) up

down: .venv ## stop the platform; its data stays
	@$(CARVALUE) down

status: .venv ## show the state of every part
	@$(CARVALUE) status

logs: .venv ## follow the logs of all parts or of one: make logs SERVICE=mlflow
	@$(CARVALUE) logs $(SERVICE)

test: install-dev ## run every test
	@$(RUN) pytest

check: lint test ## run format, lint, types, import contracts and tests, as CI does

lint: install-dev
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) lint-imports --no-logo

audit: install-dev ## check locked packages, commits, workflows and infrastructure for vulnerabilities and secrets (needs the internet)
	@"$(UV)" audit --frozen
	@$(RUN) zizmor --offline --persona=pedantic .github
	@"$(UV)" tool run --isolated checkov@3.3.30 --directory . --skip-path tests --compact --quiet --framework terraform dockerfile kubernetes
	@mkdir -p var && git log --all --patch > var/history.patch
	@"$(UV)" tool run --isolated --from detect-secrets==1.5.0 $(SECRETS) var/history.patch && rm var/history.patch

format: install-dev ## format the code
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

demo-drift: .venv ## demonstrate drift detection on the running platform
	@$(CARVALUE) demo-drift

demo-loop: .venv ## demonstrate the retraining loop on a separate platform
	@$(CARVALUE) demo-loop

bench: install-dev ## run the benchmarks
	@for file in benchmarks/bench_*.py; do $(RUN) python "$$file" || exit 1; done

# DATASETS: a folder that `creates_datasets_dag` wrote; uses both cores for a long time
bench-drift: install-dev ## measure false alarms and delays of drift detectors: make bench-drift DATASETS=folder
	@test -n "$(DATASETS)" || { echo "DATASETS is missing: make bench-drift DATASETS=var/storage/datasets/NAME" >&2; exit 1; }
	@"$(UV)" sync --frozen --extra platform --group bench --quiet
	@for part in '' /estimate.py /beside.py; do \
	  $(RUN) python "benchmarks/drift$$part" "$(DATASETS)" var/bench-drift || exit 1; done

bench-quote: install-dev ## time one quote and its parts with a model trained on the sample
	@$(QUICKLY) $(CARVALUE) run creates_datasets_dag >&2
	@$(QUICKLY) $(CARVALUE) run initial_model_dag >&2
	@$(RUN) python benchmarks/one_quote.py var/bench-quote/storage/work/initial_model_dag/bundle

bench-serving: install-dev ## compare model servers: BUNDLE=FOLDER (needs wrk)
	@$(RUN) python -m benchmarks.serving $(BUNDLE)

bench-load: install-dev ## run ten minutes of load with model swaps and journal outages: BUNDLE=FOLDER
	@$(RUN) python -m benchmarks.load $(BUNDLE) $(if $(SECONDS),--seconds $(SECONDS))

docs: install-dev ## build the documentation site into var/site, strictly and offline
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict --quiet
	@echo "open var/site/index.html"

screenshots: install-dev ## take the screenshots of the documentation from the running platform
	@$(RUN) python docs/screenshots.py

# --inexact: keep development packages
install: python
	@"$(UV)" sync --frozen --inexact --extra platform --no-dev --quiet

install-dev: python
	@"$(UV)" sync --frozen --extra platform --quiet

.PHONY: python
python: $(filter .tools/%,$(UV))
	@"$(UV)" python find --quiet '$(PYTHONS)' > /dev/null 2>&1 || { \
	  echo "carvalue needs Python 3.11, 3.12 or 3.13; python3 here is $$(python3 --version 2>&1)." >&2; exit 1; }

.tools/bin/uv:
	@echo "installing uv $(UV_VERSION) into .tools"
	@python3 -m venv .tools || { \
	  echo "carvalue needs Python 3.11, 3.12 or 3.13 with its venv module (python3-venv on Debian)." >&2; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv:
	@echo "Nothing is installed: run make build." >&2; exit 1
