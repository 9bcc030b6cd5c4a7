# One command each: `make help` lists them. Everything they need is installed below .tools and .venv.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

UV := .tools/uv/bin/uv
PY := .venv/bin/python
SAM := .tools/aws/bin/sam
READY := .venv/.ready .tools/aws/.ready .tools/runtime/.ready
PYTEST := $(PY) -m pytest --quiet
# Two at a time; each of the two has its own servers.
PAIR := -n 2

# Where `make deploy` deploys to (a section of samconfig.toml), for which processor, and with which parameters.
ENV ?= dev
ARCH ?= arm64
PARAMS ?=
# SAM's own telemetry and update check would call out; neither is wanted in a build.
export SAM_CLI_TELEMETRY := 0
# The layer's Makefile runs in a scratch copy: it finds its tools by these.
export KII_UV := $(CURDIR)/$(UV)
export KII_PYTHON := $(CURDIR)/$(PY)
export KII_ARCH := $(ARCH)

.PHONY: help
help: ## What you can do here
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) mosquitto ## See it work: one push through each door to a device, all on this machine
	@$(PY) -m local demo

.PHONY: up
up: $(READY) mosquitto ## Leave the local stack running (PORT=, MQTT_PORT=, AWS_PORT=); again: deploy what changed
	@$(PY) -m local up $(if $(PORT),--port $(PORT)) $(if $(MQTT_PORT),--mqtt-port $(MQTT_PORT)) \
		$(if $(AWS_PORT),--aws-port $(AWS_PORT))

.PHONY: down
down: $(READY) ## End what `make up` started
	@$(PY) -m local down

.PHONY: invoke
invoke: $(READY) mosquitto ## Run a built function with its event from events/: make invoke F=queue_push
	@test -n "$(F)" || { echo "Which function? For example: make invoke F=queue_push" >&2; exit 2; }
	@$(PY) -m local invoke $(F)

.PHONY: faults
faults: $(READY) mosquitto ## Send 10,000 pushes while Kii and the senders fail, and reckon up: make faults N=1000
	@$(PY) -m local faults $(if $(N),--pushes $(N))

.PHONY: test
test: lint test-tools ## Everything that CI runs
	$(PYTEST) $(PAIR) tests/unit tests/delivery --cov --cov-report=term:skip-covered
	$(PYTEST) tests/template
	$(PYTEST) tests/contract
	$(PYTEST) $(PAIR) tests/sandbox
	$(PYTEST) $(PAIR) --dist loadfile tests/functions tests/stack --ignore=tests/functions/test_imports.py
	@# Alone: the one measures, the others let everything fail at once.
	$(PYTEST) --timeout=300 tests/functions/test_imports.py tests/faults

.PHONY: lint
lint: $(READY) ## Check style, types and the template
	$(PY) -m ruff check --quiet
	$(PY) -m ruff format --check --quiet
	$(PY) -m mypy layers/kii/python openapi sandbox local tests benchmarks
	@# One by one: every function's module is called app.
	for app in functions/*/app.py; do $(PY) -m mypy $$app || exit 1; done
	$(SAM) validate --lint

.PHONY: format
format: $(READY) ## Put the code into the agreed style
	$(PY) -m ruff check --quiet --fix-only
	$(PY) -m ruff format

.PHONY: docs
docs: $(READY) ## Write the OpenAPI document and the gateway's definition from openapi/
	PYTHONPATH=layers/kii/python $(PY) -m openapi

.PHONY: build
build: $(READY) ## Build the layer and the functions for AWS (ARCH=arm64 or x86_64)
	$(SAM) build --parameter-overrides Architecture=$(ARCH)

.PHONY: deploy
deploy: build ## Deploy to AWS, after asking: make deploy ENV=dev PARAMS="MaximumConcurrency=10"
	$(SAM) deploy --config-env $(ENV) --parameter-overrides Architecture=$(ARCH) $(PARAMS)

.PHONY: bench
bench: $(READY) mosquitto ## Measure what the README quotes: the sandbox's throughput, the functions' cold starts
	$(PY) -m benchmarks.sandbox_throughput
	$(PY) -m benchmarks.cold_start

.PHONY: clean
clean: ## Remove what was built and kept; tools and environments stay
	@if [ -x $(PY) ]; then $(PY) -m local down; fi
	rm -rf .aws-sam .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

.PHONY: setup
setup: $(READY) ## Install what the other commands need (they do it themselves)

.PHONY: mosquitto
mosquitto:
	@sh local/need.sh mosquitto mosquitto

.PHONY: test-tools
test-tools: mosquitto
	@sh local/need.sh curl curl
	@sh local/need.sh chromium chromium
	@sh local/need.sh node nodejs
	@sh local/need.sh npm npm

$(UV): requirements/uv.txt
	@command -v python3 >/dev/null || { echo "python3 is missing: install Python 3 with pip and run the same command again." >&2; exit 1; }
	@echo "  set up uv ..."
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --upgrade --require-hashes \
		--target .tools/uv --requirement requirements/uv.txt
	@touch $@

# Environments, and the requirements of each.
.venv/.ready: NAME := the Python environment
.venv/.ready: requirements/dev.txt
# The layer's package is found as it stands, by `.venv/bin/python -m kii_push` too.
.venv/.ready: FINDS := ../../../../layers/kii/python
.tools/aws/.ready: NAME := the SAM and AWS command lines
.tools/aws/.ready: requirements/aws.txt
.tools/runtime/.ready: NAME := the Lambda runtime
.tools/runtime/.ready: requirements/runtime.txt
$(READY): .python-version $(UV)
	@printf '  set up $(NAME) ... '; start=$$(date +%s) && \
	$(UV) venv --quiet --allow-existing --python "$$(cat .python-version)" $(@D) && \
	$(UV) pip sync --quiet --python $(@D) --require-hashes $(filter %.txt,$^) && \
	$(if $(FINDS),echo $(FINDS) > $(@D)/lib/python$$(cat .python-version)/site-packages/kii_push.pth &&) \
	touch $@ && echo "$$(($$(date +%s) - start)) s"

.PHONY: lock
lock: $(UV) ## Refresh the hashed requirements files
	@for name in layers/kii/requirements requirements/uv requirements/dev requirements/aws requirements/runtime; do \
		$(UV) pip compile --quiet --universal --upgrade --python-version 3.13 --generate-hashes --no-header $$name.in -o $$name.txt; \
	done
