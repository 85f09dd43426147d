# make run: set up what is missing and serve the demo. make test: set up what is missing and run the suite.
# Nothing but python3 (>= 3.11 with venv and headers), a C compiler and make is needed; everything lives in .venv, build and var.
# All paths are relative, so that the folder may have any name.

PYTHON ?= python3
PY := .venv/bin/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check
CONSTRAINTS := .constraints.txt
KERNELS := $(wildcard core_ext/*.pyx core_ext/*.pxd core_ext/*.h)
ASSETS := $(if $(wildcard package-lock.json),.venv/assets.stamp)
WORKERS ?= 2
ON_EACH_POSTGRES := tests/service/ops tests/service/test_schema.py tests/domain tests/inventory/test_follower.py

LEVELS = $$($(PY) -c 'from core_ext import level; print(*level.LEVELS[$(1)])')
SANITIZED = CORE_EXT_SANITIZE=1 LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) PYTHONMALLOC=malloc \
    ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1

.PHONY: run test sanitize stress bench lint build clean

run: export FORECOURT_DEMO ?= 1
run: build
	@exec .venv/bin/forecourt serve

build: .venv/installed.stamp .venv/kernels.stamp $(ASSETS)

test: build .venv/test.stamp .venv/kernels-debug.stamp
	$(PY) -m pytest -q -n $(WORKERS) --dist loadfile -m "not stress"
	CORE_EXT_DEBUG=1 $(PY) -m pytest -q tests/core_ext -m "not stress"
	for level in $(call LEVELS,:-1); do FORECOURT_CPU_LEVEL=$$level $(PY) -m pytest -q tests/core_ext -m "not stress" || exit; done
	$(PY) -m pytest -q -m "postgres_versions and not stress" --postgres 16 $(ON_EACH_POSTGRES)
	$(PY) -m pytest -q -m "postgres_versions and not stress" --postgres 15 $(ON_EACH_POSTGRES)

# The kernels under AddressSanitizer and UndefinedBehaviorSanitizer, with the loops of each level, on many more examples.
sanitize: build .venv/test.stamp .venv/kernels-sanitized.stamp
	for level in $(call LEVELS,:); do \
	    $(SANITIZED) FORECOURT_CPU_LEVEL=$$level $(PY) -m pytest -q --capture=sys tests/core_ext --hypothesis-profile fuzz || exit; \
	done

stress: build .venv/test.stamp .venv/kernels-debug.stamp
	$(PY) -m pytest -q -m stress

bench: build .venv/test.stamp
	$(PY) -m pytest -q bench --benchmark-only

lint: build .venv/test.stamp
	$(PY) -m pytest -q tests/test_sourcecode.py

clean:
	rm -rf .venv build dist *.egg-info core_ext/*.so service/portal/static/vendor .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.venv/python.stamp: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Forecourt needs Python 3.11 or newer; name one with make PYTHON=/path/to/python3.11")'
	@echo "Making .venv …"
	$(PYTHON) -m venv .venv
	@touch $@

.venv/tools.stamp: .venv/python.stamp pyproject.toml $(CONSTRAINTS)
	@echo "Installing what the build needs …"
	$(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' > .venv/tools.txt
	$(PIP) install -c $(CONSTRAINTS) -r .venv/tools.txt
	@touch $@

.venv/installed.stamp: .venv/tools.stamp setup.py
	@echo "Installing Forecourt and building its kernels …"
	$(PIP) install -c $(CONSTRAINTS) --no-build-isolation -e .
	@touch $@ .venv/kernels.stamp

.venv/kernels.stamp: .venv/installed.stamp $(KERNELS)
	@echo "Building the kernels …"
	$(PY) setup.py --quiet build_ext --inplace
	@touch $@

.venv/kernels-debug.stamp: .venv/installed.stamp $(KERNELS)
	@echo "Building the kernels with checks …"
	CORE_EXT_DEBUG=1 $(PY) setup.py --quiet build_ext
	@touch $@

.venv/kernels-sanitized.stamp: .venv/installed.stamp $(KERNELS)
	@echo "Building the kernels under sanitizers …"
	CORE_EXT_SANITIZE=1 $(PY) setup.py --quiet build_ext
	@touch $@

.venv/assets.stamp: .venv/installed.stamp package.json package-lock.json
	@echo "Collecting the browser assets …"
	$(PY) setup.py --quiet build_assets
	@touch $@

.venv/test.stamp: .venv/installed.stamp
	@echo "Installing what the tests need …"
	$(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["test"], sep="\n")' > .venv/test.txt
	$(PIP) install -c $(CONSTRAINTS) -r .venv/test.txt
	@touch $@
