# The one front door. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1

.DEFAULT_GOAL := help
.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# uv comes first, from its own pin in requirements.txt, because it installs the rest in seconds.
$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "CallScribe needs Python 3.11 or newer: make PYTHON=python3.13 …")'
	$(PYTHON) -m venv $(VENV)
	awk '/^uv==/{p=1} p{print} p&&!/\\$$/{exit}' requirements.txt > $(VENV)/uv.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	$(VENV)/bin/uv pip sync --quiet --require-hashes --python $(VENV)/bin/python requirements.txt
	touch $@

node_modules/.installed: package-lock.json $(VENV)/.installed
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

.PHONY: install
install: $(VENV)/.installed node_modules/.installed ## Install everything (Python packages, Node, CDK command line)

.PHONY: demo
demo: install ## Play three sample calls through the stacks on this machine
	python -m local.demo

.PHONY: local
local: install ## Keep the local environment running and say how to use it
	python -m local.up

.PHONY: watch
watch: install ## Follow live calls: make watch [CALL=ID] [ARGS='--environment Dev --clinic ID']
	python -m local.watch $(CALL) $(ARGS)

.PHONY: test
test: install ## Run every test
	pytest -n 2 --dist loadgroup

SEEDS ?= 0-199
.PHONY: simulate
simulate: install ## Random histories in simulated time: make simulate [SEEDS=0-999] [ARGS='--jobs 2']
	python -m tests.simulation live --seeds $(SEEDS) $(ARGS)
	python -m tests.simulation batch --seeds $(SEEDS) $(ARGS)

.PHONY: check
check: install ## Lint, format, types and import layers
	ruff check .
	ruff format --check .
	mypy
	lint-imports

.PHONY: reference
reference: install ## Write the generated pages of docs/reference
	python -m docs.reference.generate_constructs
	python -m docs.reference.generate_schemas

.PHONY: format
format: install ## Format and fix what can be fixed
	ruff check --fix .
	ruff format .

.PHONY: bench
bench: install ## Print the figures of docs/benchmarks.md (ARGS=--write puts them there)
	python -m benchmarks $(ARGS)

.PHONY: judge
judge: install ## Compare flags, criteria and roles with the labelled corpus (ARGS=--write notes the figures)
	python -m benchmarks.agreement $(ARGS)

.PHONY: soak
soak: install ## Kill functions and streamers and break Deepgram for some minutes: nothing may be lost or twice
	python -m benchmarks.soak $(ARGS)

.PHONY: synth
synth: install ## Synthesise every environment into cdk.out
	cdk synth --quiet

.PHONY: deploy
deploy: install ## Deploy one environment: make deploy ENV=Dev
	@test -n "$(ENV)" || { echo "say which environment: make deploy ENV=Dev"; exit 2; }
	cdk deploy '$(ENV)/*'

.PHONY: redrive
redrive: install ## Repeat failed calls: make redrive ENV=Dev [ARGS=--dry-run]
	@test -n "$(ENV)" || { echo "say which environment: make redrive ENV=Dev"; exit 2; }
	python -m callscribe redrive --environment $(ENV) $(ARGS)

.PHONY: doctor
doctor: install ## Check a deployed environment: make doctor ENV=Dev [ARGS='--expected-calls 120']
	@test -n "$(ENV)" || { echo "say which environment: make doctor ENV=Dev"; exit 2; }
	python -m callscribe doctor --environment $(ENV) $(ARGS)

UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
# What the Lambda runtime brings itself stays out of the functions' bundle.
RUNTIME_BRINGS := boto3 botocore s3transfer jmespath urllib3 python-dateutil six
.PHONY: lock
lock: ## Rewrite the locked requirements from the *.in files
	$(UV_COMPILE) -o requirements.txt requirements.in
	$(UV_COMPILE) -c requirements.txt $(RUNTIME_BRINGS:%=--no-emit-package %) -o lambdas/requirements.txt lambdas/requirements.in
	$(UV_COMPILE) -c requirements.txt -o streamer/requirements.txt streamer/requirements.in
	$(UV_COMPILE) -c requirements.txt -o local/emulator/runtime.txt local/emulator/runtime.in

.PHONY: clean
clean: ## Remove everything that was built or installed here
	rm -rf $(VENV) node_modules cdk.out .local dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
