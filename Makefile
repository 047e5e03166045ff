# make repro: environment, then the pipeline of the profile in params.yaml · make test: environment, then every check
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: env repro test slow bench simulate check clean

env: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

repro: env
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

test: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest

slow: env
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m "slow and not gpu"

bench: env
	$(BIN)/python -m benchmarks

# rewrites the tables of leukbench/evaluation/README.md, leukbench/verdicts/README.md and docs/statistics.md: 15 to 20 minutes of one core
simulate: env
	$(BIN)/python -m simulations

check: env
	$(BIN)/leukbench check

clean:
	rm -rf out runs
