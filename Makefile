# The one front door. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
# By path, because make 3.81, which macOS has, finds programs by the PATH it was started with and not by this one.
BIN := $(VENV)/bin
CDK := node_modules/.bin/cdk
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1
# Tests and local environment start dozens of processes, each of which would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# uv comes first, from its own pin in requirements.txt, because it installs the rest in seconds.
$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "CallScribe needs Python 3.11 or newer: make PYTHON=python3.13 …")'
	$(PYTHON) -m venv $(VENV)
	awk '/^uv==/{p=1} p{print} p&&!/\\$$/{exit}' requirements.txt > $(VENV)/uv.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.txt
	touch $@

node_modules/.installed: package-lock.json $(VENV)/.installed
	$(BIN)/npm ci --no-audit --no-fund --loglevel=error --no-update-notifier
	touch $@

.PHONY: packages
packages: $(VENV)/.installed node_modules/.installed

.PHONY: install
install: packages ## Install everything, and what the local environment needs to start without a network
	$(BIN)/python -m local.prepare

.PHONY: demo
demo: packages ## Play three recordings and a live call through the stacks on this machine [ARGS=--verbose]
	$(BIN)/python -m local.demo $(ARGS)

.PHONY: local
local: packages ## Keep the local environment running and say how to use it
	$(BIN)/python -m local.up

.PHONY: watch
watch: packages ## Follow live calls: make watch [ENV=Dev] [CALL=ID] [ARGS='--clinic ID']
	$(BIN)/python -m callscribe watch --environment '$(or $(ENV),Local)' $(if $(CALL),--call '$(CALL)') $(ARGS)

.PHONY: test
test: packages ## Run every test
	$(BIN)/pytest -n 2 --dist loadgroup

SEEDS ?= 0-199
.PHONY: simulate
simulate: packages ## Random histories in simulated time: make simulate [SEEDS=0-999] [ARGS='--jobs 2']
	$(BIN)/python -m tests.simulation live --seeds $(SEEDS) $(ARGS)
	$(BIN)/python -m tests.simulation batch --seeds $(SEEDS) $(ARGS)

.PHONY: check
check: packages ## Lint, format, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: reference
reference: packages ## Write the generated pages of docs/reference
	$(BIN)/python -m docs.reference.generate_constructs
	$(BIN)/python -m docs.reference.generate_schemas

.PHONY: pictures
pictures: export CALLSCRIBE_PICTURES := $(CURDIR)/docs/pictures
pictures: packages ## Take the pictures of docs/pictures anew, in a browser test
	$(BIN)/pytest -q -n 0 tests/lambdas/call_console/test_page_in_browser.py -k pictures

.PHONY: format
format: packages ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: packages ## Print the figures of docs/benchmarks.md (ARGS=--write puts them there)
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: judge
judge: packages ## Compare flags, criteria and roles with the labelled corpus (ARGS=--write notes the figures)
	$(BIN)/python -m benchmarks.agreement $(ARGS)

.PHONY: soak
soak: packages ## Kill functions and streamers and break Deepgram for some minutes: nothing may be lost or twice
	$(BIN)/python -m benchmarks.soak $(ARGS)

.PHONY: synth
synth: packages ## Synthesise every environment into cdk.out
	@echo "Synthesising every environment, which takes about a minute …"
	$(CDK) synth --quiet

# Two linters that know other rules than cdk-nag, too large for everybody's environment.
LINT := lint/.venv
$(LINT)/.installed: lint/requirements.txt $(VENV)/.installed
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LINT)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(LINT)/bin/python lint/requirements.txt
	touch $@

.PHONY: lint-templates
lint-templates: synth $(LINT)/.installed ## Hold the synthesised templates against the rules of cfn-lint and checkov
	$(LINT)/bin/cfn-lint --config-file lint/cfn-lint.yaml --regions us-east-1 --template cdk.out/assembly-*/*.template.json
	$(LINT)/bin/checkov --config-file lint/checkov.yaml --file cdk.out/assembly-*/*.template.json

.PHONY: deploy
deploy: packages ## Deploy one environment: make deploy ENV=Dev [ARGS='--require-approval never']
	@test -n "$(ENV)" || { echo "say which environment: make deploy ENV=Dev"; exit 2; }
	@echo "Synthesising and bundling first, which takes about a minute …"
	$(CDK) deploy '$(ENV)/*' --progress events $(ARGS)

.PHONY: redrive
redrive: packages ## Repeat failed calls: make redrive ENV=Dev [ARGS='--dry-run']
	@test -n "$(ENV)" || { echo "say which environment: make redrive ENV=Dev"; exit 2; }
	$(BIN)/python -m callscribe redrive --environment '$(ENV)' $(ARGS)

.PHONY: doctor
doctor: packages ## Check a deployed environment: make doctor ENV=Dev [ARGS='--expected-calls 50']
	@test -n "$(ENV)" || { echo "say which environment: make doctor ENV=Dev"; exit 2; }
	$(BIN)/python -m callscribe doctor --environment '$(ENV)' $(ARGS)

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
# What the Lambda runtime brings itself stays out of the functions' bundle.
RUNTIME_BRINGS := boto3 botocore s3transfer jmespath urllib3 python-dateutil six
# What soundfile declares and does not import unless it is asked for arrays, and what cffi needs to compile only.
NOT_NEEDED := numpy pycparser
.PHONY: lock
lock: packages ## Rewrite the locked requirements from the *.in files
	$(UV_COMPILE) --override overrides.in -o requirements.txt requirements.in
	$(UV_COMPILE) -o lint/requirements.txt lint/requirements.in
	$(UV_COMPILE) -c requirements.txt $(RUNTIME_BRINGS:%=--no-emit-package %) $(NOT_NEEDED:%=--no-emit-package %) -o lambdas/requirements.txt lambdas/requirements.in
	$(UV_COMPILE) -c requirements.txt --no-deps -o callscribe/encoder/requirements.txt callscribe/encoder/requirements.in
	$(UV_COMPILE) -c requirements.txt -o streamer/requirements.txt streamer/requirements.in
	$(UV_COMPILE) -c requirements.txt -o local/emulator/runtime.txt local/emulator/runtime.in

.PHONY: clean
clean: ## Remove everything that was built or installed here
	rm -rf $(VENV) $(LINT) node_modules cdk.out .local dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
