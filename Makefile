# Everything a newcomer or a maintainer types. `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Each worker starts its own Postgres and store: more than two only where there are cores for them.
# A file stays with one worker, and so do those that share what is costly to start (tests/conftest.py).
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-native fuzz up down doctor lint bench truth eval chaos scale scale-kubernetes image audit pins clean install

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

demo: install ## From upload to report, on a simulated fleet and real samples: the whole pipeline
	@$(BIN)/argus demo

test: lint ## The tests, the whole stack included (some 14 minutes on 2 cores)
	$(PYTEST) -m "not long"

test-long: install ## Those that take long: more faults of the stack, other stores (some 7 minutes)
	$(PYTEST) -m long

test-native: install ## The parser's own C++ tests, under address, undefined-behaviour and thread sanitizers
	@PATH="$(abspath $(BIN)):$$PATH" sh tools/test_native.sh

fuzz: install ## Fuzz the parser, each target for a short time; make fuzz MINUTES=20 for longer (needs clang)
	@sh tools/fuzz.sh $(if $(MINUTES),$$(( $(MINUTES) * 60 )),20)

up: install ## Start the local stack and say where it is
	@$(BIN)/argus up

down: install ## Stop the local stack; its data stays
	@$(BIN)/argus down

doctor: install ## Check everything that Argus relies on
	@$(BIN)/argus doctor

lint: install ## Formatting, style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install ## The benchmarks: our figures beside others', from the same run
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

truth: install ## What the comparison of versions finds and makes up, over 200 simulated fleets (about 4 minutes)
	$(BIN)/python tools/truth.py

eval: install ## How good is the diagnosis: labelled batches against baselines, attacks, calibration (75 s)
	$(BIN)/python -m benchmarks.diagnosis.evaluate --picture docs/pictures/calibration.png

audit: install ## Known weaknesses of the pinned dependencies (asks a service; docs/operations.md says how without)
	@sh tools/audit.sh

chaos: install ## Break a stack of its own in every way we know, and see that nothing is lost (an hour or more)
	$(BIN)/python -m benchmarks.chaos

scale: install ## The same beyond one machine: hosts that are lost and cut off (root on Linux; some 20 minutes)
	$(BIN)/python -m benchmarks.scale

scale-kubernetes: install ## The same in a cluster: a real API server, lost pods and hosts (root on Linux; Go, once)
	$(BIN)/python -m benchmarks.cluster

image: ## Build the image and try it, without a container engine (root on Debian; buildah, debootstrap)
	@sh deploy/try_image.sh

PIN := uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-emit-index-url --no-annotate --no-header

pins: ## Renew the pinned dependencies (needs uv)
	$(PIN) pyproject.toml --extra dev --output-file requirements.txt --upgrade
	@# The image gets some of them, in the same versions.
	$(PIN) deploy/build.in --constraints requirements.txt --output-file deploy/build-requirements.txt
	$(PIN) pyproject.toml --extra celery --extra kubernetes --constraints requirements.txt \
		--output-file deploy/requirements.txt

clean: ## Remove what was built and installed, but no data
	rm -rf $(VENV) build dist

install: $(INSTALLED)

# The pinned dependencies by hash, then the project itself, built with the pinned build tools.
$(INSTALLED): requirements.txt pyproject.toml $(shell find native_parser -type f -not -path '*/tests/*' 2>/dev/null)
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh tools/install.sh
	@touch $@
