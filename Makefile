# Everything a newcomer or a contributor does. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTHON_CODE := src tests scripts samples benchmarks hatch_build.py
CODE := $(wildcard $(PYTHON_CODE))

# The tests start many processes; none of them should compile the sources anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo demo-reset test lint types viewer-check unit unit-shown journeys format bench mutants \
	simulate audit wheel billing-kit lock viewer screenshots clean environment environment-dev

help: ## List what can be made
	@echo "Matinee: pay-per-view for IPTV and OTT operators."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT=8000 and BILLING_PORT=8100 move the demo; PYTHON=python3 names the Python for .venv."

demo: environment viewer ## Run the product with two demo operators (Ctrl-C stops it)
	@exec $(BIN)/matinee demo

demo-reset: environment ## Delete the demo's data, to start over
	@exec $(BIN)/matinee demo --reset

# Side by side, because browsers, servers and databases leave the processors idle for half of the time. What
# takes longest is shown while it goes; the rest of it a whole part at a time. What they all need is there before.
test: environment-dev viewer ## Everything that must pass: lint, types, tests, browser tests
	@$(MAKE) --jobs 3 --output-sync=target lint types viewer-check unit-shown journeys

lint: environment-dev ## Look for faults of style and safety
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive src scripts

types: environment-dev ## Check types and import directions
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

viewer-check: environment-dev viewer ## Check the subscriber app: lint, types, tests
	$(BIN)/python scripts/viewer.py check

# In the order of the folders: the files with the fewest tests take longest, and as the last ones they would
# leave a processor idle. tests/unit is last, whose files end within a second or two.
unit: environment-dev ## Run the tests that need no browser
	$(BIN)/pytest tests --ignore tests/journeys --numprocesses 2 --dist loadfile --no-loadscope-reorder

unit-shown: environment-dev
	@$(MAKE) --output-sync=none unit

journeys: environment-dev viewer ## Run the tests in a real browser
	MATINEE_CHROMIUM="$$($(BIN)/python scripts/ensure_browser.py)" && export MATINEE_CHROMIUM && \
		$(BIN)/pytest tests/journeys

format: environment-dev ## Lay out the Python code and sort its imports
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format $(CODE)

bench: environment-dev ## Measure against limits taken in the same run (docs/performance.md)
	$(BIN)/python -m benchmarks

mutants: environment-dev ## Show that removing any one rule of the purchase makes the tests fail
	$(BIN)/python -m tests.mutants

simulate: environment-dev ## Play SEEDS=1000 lives of purchases under faults; what goes wrong is kept as a test
	$(BIN)/python -m tests.simulation $(or $(SEEDS),1000)

audit: environment-dev ## Ask the public databases for known faults in what we depend on
	$(BIN)/pip-audit --require-hashes --disable-pip --requirement requirements/runtime.txt
	$(BIN)/python scripts/viewer.py npm audit

wheel: environment-dev ## Build dist/*.whl and the sdist, with the subscriber app inside
	$(BIN)/python -m build --no-isolation

billing-kit: environment-dev ## Build dist/matinee.demo.tvod.zip, what operators' developers start from
	@$(BIN)/python scripts/billing_kit.py

lock: ## Lock the requirements anew with their hashes (UPGRADE=1 takes the newest versions)
	scripts/lock.sh $(if $(UPGRADE),--upgrade)

viewer: environment ## Build the subscriber app into src/matinee/viewer_app
	@$(BIN)/python scripts/viewer.py build

screenshots: environment-dev viewer ## Take the README's pictures from a demo of its own
	@MATINEE_CHROMIUM="$$($(BIN)/python scripts/ensure_browser.py)" $(BIN)/python scripts/screenshots.py

clean: ## Remove what was built (.venv and the demo's data stay)
	rm -rf build dist src/matinee/viewer_app viewer/node_modules .mypy_cache .pytest_cache .ruff_cache \
		.hypothesis .import_linter_cache test-results

environment:
	@scripts/setup_venv.sh demo

environment-dev:
	@scripts/setup_venv.sh dev
