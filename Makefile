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
# Two parts side by side; where make can, it shows what each wrote when that part is done.
BESIDE := $(MAKE) --no-print-directory --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync)

# Kept even where this is set: some hundred processes would each compile what they import.
unexport PYTHONDONTWRITEBYTECODE

ENV ?= dev
ARCH ?= arm64
PARAMS ?=
# SAM's own telemetry and update check would call out; neither is wanted in a build.
export SAM_CLI_TELEMETRY := 0
# The layer's Makefile runs in a scratch copy: it finds its tools by these.
export KII_UV := $(CURDIR)/$(UV)
export KII_PYTHON := $(CURDIR)/$(PY)
export KII_ARCH := $(ARCH)

# The lines that `make help` shows: `##@` begins a group, `##` describes a command, `#-` a variable of it.
.PHONY: help
help:
	@awk -F ':.*## ' '/^##@ /{printf "%s%s\n", gap, substr($$0, 5); gap = "\n"} \
		/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2} \
		/^#- /{printf "%20s%s\n", "", substr($$0, 4)}' $(MAKEFILE_LIST)

##@ See it work
.PHONY: demo
demo: $(READY) mosquitto ## Send one push through each door to a device, all on this machine
	@$(PY) -m local demo

.PHONY: up
up: $(READY) mosquitto ## Start the local stack and leave it running; if it is running, deploy what changed
#- PORT=8080 MQTT_PORT=1883 AWS_PORT=4566   where the console, the MQTT broker and the AWS endpoint listen
	@$(PY) -m local up $(if $(PORT),--port $(PORT)) $(if $(MQTT_PORT),--mqtt-port $(MQTT_PORT)) \
		$(if $(AWS_PORT),--aws-port $(AWS_PORT))

.PHONY: down
down: $(READY) ## Stop what `make up` started
	@$(PY) -m local down

.PHONY: invoke
invoke: $(READY) mosquitto ## Run a built function with its event from events/
#- F=queue_push   the function's folder
	@test -n "$(F)" || { echo "Which function? For example: make invoke F=queue_push" >&2; exit 2; }
	@$(PY) -m local invoke $(F)

##@ Work on it: CONTRIBUTING.md
.PHONY: setup
setup: $(READY) ## Install what the other commands need (each of them does so itself)

.PHONY: check
check: lint ## Check style, types, the template and the fast tests: offline, in two minutes
	$(PYTEST) $(PAIR) -m "not slow" tests/unit tests/template

.PHONY: test
test: $(if $(T)$(K),test-part,test-all) ## Run everything that CI runs, or a part of it
#- T=tests/unit/test_topics.py   only this file or folder
#- K=acl                         only tests with this in their name
#- HUNT=1000                     with tests/contract: this many new random messages of each kind

# The unit and template tests need no program that is not in the environments.
test-part: $(READY) $(if $(T),$(if $(filter-out tests/unit% tests/template%,$(T)),test-tools),test-tools)
	$(PYTEST) --timeout=300 $(if $(K),-k "$(K)") $(T)

# What waits leaves the processor to what computes: the first and the last line run two parts at the same time.
test-all: test-tools
	@$(BESIDE) lint test-layer
	$(PYTEST) $(PAIR) tests/template tests/contract tests/sandbox tests/emulator
	@# Alone: beside others its deployment takes so long that senders of the last release meet their function's end.
	$(PYTEST) tests/update
	@$(BESIDE) test-bundle test-starts

.PHONY: test-layer test-bundle test-starts
test-layer: $(READY)
	$(PYTEST) $(PAIR) tests/unit tests/delivery --cov --cov-report=term:skip-covered

# Each of the two has one stack for all its files.
test-bundle: $(READY)
	$(PYTEST) $(PAIR) --timeout=300 --dist loadfile --no-loadscope-reorder tests/faults tests/stack tests/functions \
		--ignore=tests/functions/test_imports.py

# It counts instructions, which are as many on a busy machine, and so gives way to the tests that watch the clock.
test-starts: $(READY)
	nice $(PYTEST) tests/functions/test_imports.py

.PHONY: lint
lint: $(READY) ## Check style, types and the template only
	$(PY) -m ruff check --quiet
	$(PY) -m ruff format --check --quiet
	$(PY) -m mypy layers/kii/python openapi sandbox local tests benchmarks functions/*/app.py
	.venv/bin/lint-imports --no-cache --no-logo
	$(SAM) validate --lint

.PHONY: format
format: $(READY) ## Put the code into the agreed style
	$(PY) -m ruff check --quiet --fix-only
	$(PY) -m ruff format

.PHONY: function
function: $(READY) ## Start a new function: handler, event, test, resource, operation
#- NAME=user_installations               its folder, in snake_case
#- ROUTE=/users/{userID}/installations   the path of its GET; by default the name, /user-installations
	@test -n "$(NAME)" || { echo "Which name? For example: make function NAME=user_installations" >&2; exit 2; }
	@$(PY) -m local function '$(NAME)' $(if $(ROUTE),--route '$(ROUTE)')

.PHONY: docs
docs: $(READY) ## Write the OpenAPI document and the gateway's definition from openapi/
	PYTHONPATH=layers/kii/python $(PY) -m openapi

.PHONY: lock
lock: $(UV) ## Update the pinned, hashed requirements to the newest releases
	@for name in layers/kii/requirements requirements/uv requirements/dev requirements/aws requirements/runtime; do \
		$(UV) pip compile --quiet --universal --upgrade --python-version 3.13 --generate-hashes --no-header $$name.in -o $$name.txt; \
	done

.PHONY: clean
clean: ## Remove what was built and recorded; tools and environments stay
	@if [ -x $(PY) ]; then $(PY) -m local down; fi
	rm -rf .aws-sam .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

##@ Measure it
.PHONY: faults
faults: $(READY) mosquitto ## Send pushes while Kii and the senders fail, and count what became of them
#- N=10000   how many; a tenth more go with "onUnknown": "resend"
	@$(PY) -m local faults $(if $(N),--pushes $(N))

.PHONY: update-test
update-test: $(READY) mosquitto ## Update a stack of the last release to this tree while pushes flow, and count them
#- N=1000   how many; a broadcast goes with them
	@$(PY) -m local update $(if $(N),--pushes $(N))

.PHONY: bench
bench: $(READY) mosquitto valgrind ## Measure the sandbox's throughput and the functions' cold starts
	$(PY) -m benchmarks.sandbox_throughput
	$(PY) -m benchmarks.cold_start

##@ On AWS
.PHONY: build
build: $(READY) ## Build the layer and the functions
#- ARCH=arm64   processor: arm64 or x86_64
	$(SAM) build --parameter-overrides Architecture=$(ARCH)

.PHONY: deploy
deploy: check-deploy build ## Deploy, after asking
#- ENV=dev                               section of samconfig.toml: dev or prod
#- ARCH=arm64                            processor: arm64 or x86_64
#- PARAMS="AlarmEmail=ops@example.com"   the template's parameters; prod needs someone to tell of alarms
	$(SAM) deploy --config-env $(ENV) --parameter-overrides $$($(PY) -m local overrides $(ENV)) Architecture=$(ARCH) $(PARAMS)

# Before the build, so that a refusal comes at once.
.PHONY: check-deploy
check-deploy: $(READY)
	@$(PY) -m local check-deploy $(ENV) $(PARAMS)

.PHONY: mosquitto
mosquitto:
	@sh local/need.sh mosquitto mosquitto

.PHONY: valgrind
valgrind:
	@sh local/need.sh valgrind valgrind

.PHONY: test-tools
test-tools: mosquitto valgrind
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
.venv/.ready: TITLE := the Python environment
.venv/.ready: requirements/dev.txt
# The layer's package is found as it stands, by `.venv/bin/python -m kii_push` too.
.venv/.ready: FINDS := ../../../../layers/kii/python
.tools/aws/.ready: TITLE := the SAM and AWS command lines
.tools/aws/.ready: requirements/aws.txt
.tools/runtime/.ready: TITLE := the Lambda runtime
.tools/runtime/.ready: requirements/runtime.txt Makefile
# No start may write bytecode there, as on Lambda: without this, every start would compile boto3 again.
.tools/runtime/.ready: SYNC_OPTIONS := --compile-bytecode
$(READY): .python-version $(UV)
	@printf '  set up $(TITLE) ... '; start=$$(date +%s) && \
	$(UV) venv --quiet --allow-existing --python "$$(cat .python-version)" $(@D) && \
	$(UV) pip sync --quiet $(SYNC_OPTIONS) --python $(@D) --require-hashes $(filter %.txt,$^) && \
	$(if $(FINDS),echo $(FINDS) > $(@D)/lib/python$$(cat .python-version)/site-packages/kii_push.pth &&) \
	touch $@ && echo "$$(($$(date +%s) - start)) s"
