# Every target sets up what it needs in .venv; a fresh machine has only Python >= 3.11 and make.
# PYTHON=/path/to/python3.13 chooses the interpreter. PYTEST_ARGS adds to the test command.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo demo-live month drill drill-all test check fuzz demo-model gate-worlds mutants audit lock bench bench-lock clean

ifdef PYTHON
export PYTHON
endif

# Commands started by the tests need not compile the program anew each time.
export PYTHONDONTWRITEBYTECODE :=

PY := .venv/bin/python
PYTEST_ARGS ?=

# One version of each package on every platform and Python: the same bits everywhere.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --no-strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)
LIVE := requirements/live.in
RESEARCH := $(LIVE) requirements/research.in
TRAIN := $(RESEARCH) requirements/train.in
DEV := $(TRAIN) requirements/dev.in

# Journals of tests and drills need not outlive them: they are kept in memory where there are 4 GB of it for files.
MEMORY = $(shell [ "$$(df -Pk /dev/shm 2>/dev/null | awk 'END {print $$4 + 0}')" -gt 4000000 ] && echo /dev/shm || echo "$${TMPDIR:-/tmp}")

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## Backtest a year of the sample market and draw its report
	@bash scripts/setup_venv.sh research
	$(PY) main.py backtest --data sample --start 2023-01-01 --end 2024-01-01 --report

demo-live: ## A week of live trading on a simulated exchange, two processes, compared by a third
	@bash scripts/setup_venv.sh research
	$(PY) scripts/demo/live.py $(DEMO_ARGS)

month: ## Thirty days of live trading with faults and restarts, judged by a third program (about half an hour)
	@bash scripts/setup_venv.sh research
	$(PY) -m scripts.demo.month $(MONTH_ARGS)

# Three at a time, also on two cores: a third of the tests' time is waiting for processes, deadlines and limits.
test: ## Run the tests (PYTEST_ARGS="-k ledger" narrows them)
	@bash scripts/setup_venv.sh dev
	TMPDIR=$(MEMORY) $(PY) -m pytest -n 3 --dist worksteal $(PYTEST_ARGS)

check: ## Run the whole gate: format, lint, types, floors, dependencies, tests, coverage
	@bash scripts/testing/checks.sh

# Each target of the fuzzing has a share of the seconds; two run at a time. FUZZ_SEED=n begins with the input of a failure.
fuzz: ## Send odd input to the twin and every parser: an hour's worth, by two (FUZZ_SECONDS=600 for less)
	@bash scripts/setup_venv.sh dev
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),3600) $(PY) -m pytest -n 2 -o faulthandler_timeout=0 tests/fuzz $(PYTEST_ARGS)

demo-model: ## Train a model on the sample market, judge it, and backtest it on a half-year it never saw
	@bash scripts/setup_venv.sh train
	@bash scripts/ml/demo_model.sh

gate-worlds: ## Show how often the model's gate lets noise through, and how often a planted edge: about half an hour
	@bash scripts/setup_venv.sh train
	$(PY) scripts/ml/gate_worlds.py $(GATE_ARGS)

drill: ## Kill the order engine at a sample of its steps under faults of the exchange (DRILL_ARGS="--seed 7")
	@bash scripts/setup_venv.sh research
	TMPDIR=$(MEMORY) $(PY) main.py drill $(DRILL_ARGS)

drill-all: ## The same at every step on all cores, then SIGKILL on processes, 240 times: about half an hour (DRILL_ARGS, KILL_SEED)
	@bash scripts/setup_venv.sh dev
	TMPDIR=$(MEMORY) $(PY) main.py drill --all $(DRILL_ARGS)
	KILL_CELLS=240 $(PY) -m pytest -q tests/e2e/test_killed_engine.py

mutants: ## List the small changes to the money code that no test notices, about ten minutes (see docs/mutants.md)
	@bash scripts/setup_venv.sh dev
	@bash scripts/testing/mutants.sh $(MUTANTS)

# dev.txt contains the others at the same versions. Strict: a package nobody could look up is a failure.
audit: ## Look the pinned packages up among known vulnerabilities (asks an advisory server)
	@bash scripts/setup_venv.sh dev
	$(PY) -m pip_audit --strict --disable-pip --require-hashes -r requirements/dev.txt

lock: ## Compile requirements/*.in to pinned *.txt (UPGRADE=1 takes newer versions)
	@bash scripts/setup_venv.sh dev
	$(COMPILE) $(DEV) -o requirements/dev.txt
	$(COMPILE) $(TRAIN) -c requirements/dev.txt -o requirements/train.txt
	$(COMPILE) $(RESEARCH) -c requirements/dev.txt -o requirements/research.txt
	$(COMPILE) $(LIVE) -c requirements/dev.txt -o requirements/live.txt

bench: ## Time the engine and its peers in turn, the exchange and the twin, about 40 minutes (BENCH_ARGS="--rounds 1" for less)
	@bash scripts/setup_venv.sh research
	$(PY) -m benchmarks.run $(BENCH_ARGS)
	$(PY) -m benchmarks.exchange
	$(PY) -m benchmarks.twin
	$(PY) -m benchmarks.model
	$(PY) -m benchmarks.reaction

# The peers' packages stand apart from the project's: each peer has an environment and pins of its own.
bench-lock:
	@bash scripts/setup_venv.sh dev
	@for peer in vectorbt hftbacktest backtesting; do $(subst make lock,make bench-lock,$(COMPILE)) \
		requirements/bench-$$peer.in -o requirements/bench-$$peer.txt || exit 1; done

clean: ## Remove .venv and what the tools leave behind; data, logs and journals stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* coverage.xml
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
