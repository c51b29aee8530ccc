# `make run` and `make test` set themselves up; they need Python (3.10 or newer), make and a
# package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Processes that share the tests: they wait more than they compute.
WORKERS ?= 3
PYTEST := $(BIN)/pytest -q -n $(WORKERS) --no-loadscope-reorder

DATABASE_TESTS := $(addprefix tests/integration/,api ingest web mcp/test_mcp_tools.py \
	mcp/test_mcp_http.py::test_database_without_tables)

# Whatever follows from findings has to follow from their values: words that nobody reads but people.
VALUE_TESTS := tests/unit $(addprefix tests/integration/,orchestrator mcp api web ingest)

.PHONY: run services stop test test-all test-postgresql other-words faults test-pythons lint bench soak conformance evals clean
.NOTPARALLEL:

run: $(STAMP)
	@$(BIN)/testbed demo

# ActiveMQ and PostgreSQL below .testbed/ in place of the embedded ones, from now on. Debian.
services: $(STAMP)
	@tools/install-services
	@$(BIN)/testbed init --services

stop:
	@if [ -x $(BIN)/testbed ]; then $(BIN)/testbed stop-local; else echo "Nothing is installed."; fi

test: lint test-all test-postgresql

test-all: $(STAMP)
	$(PYTEST)

# The tests of the monitor with its database on PostgreSQL (skipped where that is not installed).
test-postgresql: $(STAMP)
	$(PYTEST) --database=postgresql $(DATABASE_TESTS)

# The tests of rules, prospects and diagnosis while every sentence of the surfaces has other words.
other-words: $(STAMP)
	$(PYTEST) -p tests.other_words -m "not sentences" $(VALUE_TESTS)

# Every fault on both stacks, and the table of what came of it. `make test` has most of them.
faults: $(STAMP)
	$(PYTEST) --all-faults tests/system/faults

# The unit tests on the other Python versions that are on this machine.
test-pythons: $(STAMP)
	@tools/test-pythons

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy swf_common_lib workflows agents orchestrator monitor mcp_server
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks

# Minutes of load on ActiveMQ and PostgreSQL: memory, CPU, lag, and growth to this machine's limit.
soak: $(STAMP)
	$(BIN)/python -m tests.benchmarks.soak

# Other people's programs against the MCP server: the official suite, the Inspector, Claude Code.
conformance: $(STAMP)
	$(BIN)/python -m tests.conformance

# What an assistant needs for real tasks: calls, bytes, and whether the answers hold the facts.
evals: $(STAMP)
	$(BIN)/python -m tests.evals

clean: stop
	rm -rf $(VENV) $(VENV)-* .testbed tests/conformance/node_modules build *.egg-info .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there: install Python 3.10 or" \
		"newer, or name it: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is" \
		"$$($(PYTHON) --version 2>&1): the testbed needs Python 3.10 or newer; name one:" \
		"make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) has no venv module: install it" \
		"(Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
