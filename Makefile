# Two commands do everything on a fresh machine: `make demo` and `make test`. Both stand on `make setup`.
PY := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup demo test test-root check bench docs lock crash

setup: .venv/ready .venv/compiled

.venv/ready: requirements.lock pyproject.toml system-packages.txt
	@setup/system-packages
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@test -x $(PY) || python3 -m venv .venv
	@echo "installing Python packages …"
	@$(PY) -m pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The records engine: a quarter of a minute, once per version of it. Without it everything works, slower.
.venv/compiled: .venv/ready $(wildcard gateway/records/kernel/*.py)
	@echo "compiling the records engine …"
	@$(PY) -m gateway.records.kernel || true
	@touch $@

demo: setup
	@.venv/bin/gateway demo

# Two at a time, each file in one of them: half the tests' time is waiting. `make test JOBS=1` for one after the other,
# `make test SLOWEST=20` for a list of those that take longest.
JOBS ?= 2
SLOWEST ?= 0
test: setup
	@$(PY) -m pytest -n $(JOBS) $(if $(filter-out 0,$(SLOWEST)),--durations=$(SLOWEST))

# Other users and a chrooted OpenSSH: as root only.
test-root: setup
	@$(PY) -m pytest tests_root

# Ten kills in CI, a thousand here, in rounds of 25; `make crash CRASHES=100` for fewer.
CRASHES ?= 1000
crash: setup
	@GATEWAY_CRASHES=$(CRASHES) $(PY) -m pytest -v -s -x tests/crash

check: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PY) -m gateway.reference --check

bench: setup
	@$(PY) -m bench

docs: setup
	@$(PY) -m gateway.reference

# Needs uv. The lock carries hashes and no addresses.
lock:
	uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --quiet -o requirements.lock
