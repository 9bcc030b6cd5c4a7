# One command each: `make help` lists them. Everything they need is installed below .tools and .venv.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

UV := .tools/uv/bin/uv
PY := .venv/bin/python
SAM := .tools/aws/bin/sam
READY := .venv/.ready .tools/aws/.ready
# SAM's own telemetry and update check would call out; neither is wanted in a build.
export SAM_CLI_TELEMETRY := 0
# The layer is compiled for the machine it will run on: the local stack runs on this one.
ARCH := $(shell uname -m | sed -e 's/aarch64/arm64/' -e 's/amd64/x86_64/')

.PHONY: help
help: ## What you can do here
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Install what the other commands need (they do it themselves)

$(UV): requirements/uv.txt
	@command -v python3 >/dev/null || { echo "python3 is missing: install Python 3 with pip and run the same command again." >&2; exit 1; }
	@echo "Setting up uv ..."
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --upgrade --require-hashes \
		--target .tools/uv --requirement requirements/uv.txt
	@touch $@

.venv/.ready: requirements/dev.txt .python-version $(UV)
	@echo "Setting up the Python environment ..."
	@$(UV) venv --quiet --allow-existing --python "$$(cat .python-version)" .venv
	@$(UV) pip sync --quiet --python .venv --require-hashes requirements/dev.txt
	@touch $@

.tools/aws/.ready: requirements/aws.txt .python-version $(UV)
	@echo "Setting up the SAM and AWS command lines ..."
	@$(UV) venv --quiet --allow-existing --python "$$(cat .python-version)" .tools/aws
	@$(UV) pip sync --quiet --python .tools/aws --require-hashes requirements/aws.txt
	@touch $@

.PHONY: lock
lock: $(UV) ## Refresh the hashed requirements files
	@for name in layers/kii/requirements requirements/uv requirements/dev requirements/aws requirements/runtime; do \
		$(UV) pip compile --quiet --universal --upgrade --python-version 3.13 --generate-hashes --no-header $$name.in -o $$name.txt; \
	done
