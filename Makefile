# make repro: environment, then the pipeline of the profile in params.yaml · make test: environment, then every check
# make quick: the tests of a minute and a half · make help: the other targets
PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
export OMP_WAIT_POLICY ?= PASSIVE
# containers set it, and every process that a test starts would then compile the package anew: twice the time
unexport PYTHONDONTWRITEBYTECODE
PYTEST := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest
# a module's tests stay in one process, as they share what is expensive to make
SPREAD := -n $(JOBS) --dist loadscope --no-loadscope-reorder

.PHONY: help env repro pages style test quick slow audit-deps coverage bench simulate check picture reference lock clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile

env: .venv/ready  ## the environment in .venv, from requirements.lock

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

repro: env  ## the pipeline of the profile in params.yaml
	$(BIN)/python -m leukbench.tools.rwlock
	@git update-index --skip-worktree dvc.lock 2>/dev/null || true # this machine's hashes: docs/decisions/0012
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

pages: env  ## the committed pages of reports/ and the README's lines of them, from the results and findings that are there
	$(BIN)/leukbench site --markdown --to reports
	$(BIN)/python -m docs.readme

style: env  ## style, types and import rules alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: style  ## style, types, import rules and all default tests
	$(PYTEST) $(SPREAD)

quick: env  ## all tests but those that train, take more than some seconds, or need a GPU
	$(PYTEST) $(SPREAD) -m "not slow and not gpu and not trains and not long"

slow: env  ## the tests that take minutes
	$(PYTEST) -m "slow and not gpu"

# both scanners in an environment of their own, as nothing else needs them; without the database of vulnerabilities the hashes of the lock remain
audit-deps: build/scan/ready  ## known vulnerabilities of the locked packages, and what bandit says of the code
	build/scan/bin/bandit --quiet --recursive --configfile pyproject.toml leukbench
	build/scan/bin/python -m tests.support.audit_deps

build/scan/ready:
	$(PYTHON) -m venv build/scan
	build/scan/bin/python -m pip install --quiet --disable-pip-version-check "bandit[toml]" pip-audit
	touch $@

coverage: env  ## which lines and branches the default tests reach
	$(PYTEST) $(SPREAD) --cov --cov-report=term

bench: env  ## speed, side by side with what else one would use
	$(BIN)/python -m benchmarks

# rewrites the tables of leukbench/evaluation/README.md, leukbench/verdicts/README.md and docs/statistics.md: 17 minutes of processor time on a Xeon with AVX512, 40 on an EPYC
simulate: env  ## how often intervals cover and verdicts are wrong, on drawn data
	$(BIN)/python -m simulations

check: env  ## a small training against reference seeds
	$(BIN)/leukbench check

picture: env  ## the pictures of docs/architecture.md from the import graph (needs Graphviz)
	$(BIN)/python -m docs.draw

reference: env  ## docs/reference.md, every key, unit and metric, from the code
	$(BIN)/python -m docs.reference

lock:  ## requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --universal --extra dev --extra train --extra pipeline --generate-hashes --no-emit-index-url --no-header --output-file requirements.lock

clean:  ## what the pipeline and the runs left
	rm -rf out runs
