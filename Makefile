# Commands of the project; each does one thing, and those of the platform call the `carvalue` command line.
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
UV := $(shell command -v uv || echo .tools/bin/uv)
RUN := "$(UV)" run --frozen --no-sync
# Detects keys and tokens of known formats and passwords in URLs; the excluded ones are examples.
SECRETS := detect-secrets-hook --no-verify --exclude-secrets '^(PASSWORD|hidden|secret|se%40cret)$$' \
  $(addprefix --disable-plugin ,Base64HighEntropyString HexHighEntropyString KeywordDetector)
CARVALUE := .venv/bin/python -m carvalue
# Trains a small model without servers.
QUICKLY := DATA_SOURCE=sample SAMPLE_ROWS=4000 TRAINING_BUDGET=quick STATE_DIR=var/bench-quote \
  MLFLOW_TRACKING_URI=sqlite:///var/bench-quote/mlflow.db
PYTHONS := >=3.11,<3.14

.PHONY: help install install-dev build up down status logs test test-slow test-wheel test-upgrade test-whole check lint audit format demo-drift demo-loop bench bench-drift bench-quote bench-page bench-serving bench-load bench-robustness bench-fuzzing mutation docs boards screenshots

help: ## show this list of commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

build: install ## install, start all services, run both DAGs and price a car (DATA_SOURCE=PATH: use your listings)
	@$(CARVALUE) build $(if $(AGAIN),--again)

up: install ## start all services of the platform and wait until they are healthy
	@$(CARVALUE) up

down: .venv ## stop all services of the platform and keep its data
	@$(CARVALUE) down

status: .venv ## show the state of every service
	@$(CARVALUE) status

logs: .venv ## follow the logs of all services or of one: make logs SERVICE=mlflow
	@$(CARVALUE) logs $(SERVICE)

test: install-dev ## run all tests but the slow ones (markers deploy, faults, slow, wheel and whole)
	@$(RUN) pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

test-slow: install-dev ## run the tests that take a minute each: load, reloaded workers, failing downloads, weeks of traffic
	@$(RUN) pytest -m slow --ignore tests/e2e/test_upgrade.py

test-wheel: install-dev ## install the built wheel into an empty environment and build the platform there (minutes)
	@$(RUN) pytest -m wheel tests/e2e/test_wheel.py

test-upgrade: install-dev ## upgrade the state of release 0.1 under load, roll it back and upgrade it again (minutes)
	@$(RUN) pytest -m slow tests/e2e/test_upgrade.py

# STANDINS=1: without an image registry; needs root and the programs that tests/whole/standins/build.sh names.
test-whole: install-dev ## build all images, start compose.yaml, train, quote, and kill parts under load (needs Docker)
	@$(if $(STANDINS),UV="$(UV)" tests/whole/standins/build.sh,ARTIFACTS=unused docker compose build --quiet)
	@$(if $(STANDINS),COMPOSE_FILE=compose.yaml:tests/whole/compose.yaml:tests/whole/standins/compose.yaml) \
	  $(RUN) pytest -m whole tests/whole

check: lint test ## run what CI runs: format, lint, types, import contracts, tests

lint: install-dev ## check format, lint rules, types and import contracts
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) lint-imports --no-logo
	@$(RUN) python tests/architecture/docstrings.py

audit: install-dev ## scan dependencies, the whole history for secrets, workflows and infrastructure (needs the internet)
	@"$(UV)" audit --frozen
	@$(RUN) zizmor --offline --persona=pedantic .github
	@"$(UV)" tool run --isolated checkov@3.3.30 --directory . --skip-path tests --compact --quiet --framework terraform dockerfile kubernetes
	@mkdir -p var && git log --all --patch > var/history.patch
	@"$(UV)" tool run --isolated --from detect-secrets==1.5.0 $(SECRETS) var/history.patch && rm var/history.patch

format: install-dev ## format the code and fix what the linter can fix
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

demo-drift: .venv ## demonstrate drift on the running platform (banner, alert, incident, report), then restore its state
	@$(CARVALUE) demo-drift

demo-loop: .venv ## demonstrate drift, retraining, promotion and rollback on a separate platform
	@$(CARVALUE) demo-loop

bench: install-dev ## compare data preparation with pandas (several minutes)
	@$(RUN) python -m benchmarks.bench_data_preparation

# DATASETS is a folder that `creates_datasets_dag` wrote under var/storage/datasets. Uses all cores for a long time.
bench-drift: install-dev ## measure false alarms and detection delays of drift detectors: make bench-drift DATASETS=FOLDER
	@test -n "$(DATASETS)" || { echo "DATASETS is missing. Run make bench-drift DATASETS=var/storage/datasets/NAME." >&2; exit 1; }
	@"$(UV)" sync --frozen --extra platform --group bench --quiet
	@for part in '' /estimate.py /mixtures.py /causes.py /beside.py; do \
	  PATH="$(dir $(abspath $(UV))):$$PATH" $(RUN) python "benchmarks/drift$$part" "$(DATASETS)" var/bench-drift || exit 1; done

bench-quote: install-dev ## time one quote and its parts with a model trained on the sample
	@$(QUICKLY) $(CARVALUE) run creates_datasets_dag >&2
	@$(QUICKLY) $(CARVALUE) run initial_model_dag >&2
	@$(RUN) python -m benchmarks.one_quote var/bench-quote/storage/work/initial_model_dag/bundle

bench-page: install-dev ## time the first price, the slider and the first load of the page in a browser; needs `make build`
	@$(RUN) python -m benchmarks.first_result

bench-serving: install-dev ## compare ways to serve a model: make bench-serving BUNDLE=FOLDER (needs wrk)
	@$(RUN) python -m benchmarks.serving $(BUNDLE)

bench-load: install-dev ## load the service for ten minutes with model swaps and a journal outage: make bench-load BUNDLE=FOLDER
	@$(RUN) python -m benchmarks.load $(BUNDLE) $(if $(SECONDS),--seconds $(SECONDS))

bench-robustness: install-dev ## lose power at every point, let every disk access fail, simulate 10,000 seeds (ten minutes with TMPDIR=/dev/shm)
	@PYTHONPATH=tests $(RUN) python -m benchmarks.robustness $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED),--seed $(SEED))

bench-fuzzing: install-dev ## feed damaged input to every parser for an hour: make bench-fuzzing MINUTES=60
	@PYTHONPATH=tests $(RUN) python -m benchmarks.fuzzing $(if $(MINUTES),--minutes $(MINUTES))

mutation: install-dev ## change the code in small ways and count the changes that no test notices (an hour or two)
	@"$(UV)" sync --frozen --extra platform --group mutation --quiet
	@PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(RUN) mutmut run
	@$(RUN) python -m benchmarks.mutation

docs: install-dev ## build the documentation site into var/site, strictly and offline
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict --quiet
	@echo "open var/site/index.html"

boards: install-dev ## draw the dashboards for the documentation from a simulated day of traffic (minutes; needs Prometheus)
	@PYTHONPATH=tests $(RUN) python docs/boards

screenshots: install-dev ## take the screenshots of the README from the running platform
	@$(RUN) python docs/screenshots.py

# --inexact keeps installed test dependencies.
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
	@echo "carvalue is not installed: run make build." >&2; exit 1
