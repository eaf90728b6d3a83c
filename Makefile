# What people do here; `make help` lists it. Everything is installed into .venv, from the locks in
# requirements/, and installed again only when a lock or pyproject.toml changes.

# The first Python that is new enough and can make a virtual environment.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
CODE := pigment_watcher tests scripts bench
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes \
	--allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# Rooms that decide what happens to somebody's data: every line and every branch is tested.
PROVEN := pigment_watcher/policy/*,pigment_watcher/settle.py,pigment_watcher/content.py,$\
	pigment_watcher/journal/*,pigment_watcher/steps/*

#: Faults to try: all, or a sample that spreads over them.
TORTURE ?= all

#: What `make bench` is told, such as: --only requests, --quick.
BENCH ?=

.PHONY: help demo test torture bench screenshots check format lock clean install uninstall wheels deb bundle

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

demo: $(VENV)/run.stamp  ## see files go from a folder into a stand-in Pigment
	@$(BIN)/pigment-watcher demo

test: $(VENV)/dev.stamp  ## every test, and the coverage floors
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not slow and not torture"
	$(BIN)/coverage run -m pytest -m slow -o faulthandler_timeout=600 || test $$? -eq 5  # 5: no test is marked slow
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90
	$(BIN)/coverage report --fail-under=100 --include='$(PROVEN)'

torture: $(VENV)/dev.stamp  ## break the service in every way: an hour; TORTURE=sample: 15 minutes
	$(BIN)/python -m compileall -q pigment_watcher  # as an installed program is
	TORTURE=$(TORTURE) WARM_STARTS=1 $(BIN)/pytest tests/torture --numprocesses 4 -o faulthandler_timeout=600

bench: $(VENV)/run.stamp  ## measure everything beside what one would write instead: half an hour
	$(BIN)/python -m compileall -q pigment_watcher  # as an installed program is
	$(BIN)/python -m bench $(BENCH)

screenshots: $(VENV)/dev.stamp  ## take the pictures of the status page anew; needs chromium
	$(BIN)/python scripts/screenshots.py

install: wheels  ## (as root) install the service; PREFIX, DESTDIR and PYTHON are honoured
	packaging/install.sh install

uninstall:  ## (as root) remove the service; configuration, journal and files stay
	packaging/install.sh uninstall

wheels: build/wheels/SHA256SUMS  ## build what install, deb and bundle install from

deb: wheels  ## build a Debian package for the Python that .venv has
	packaging/deb.sh

bundle: wheels  ## build one archive that installs without a network
	packaging/bundle.sh

check: $(VENV)/dev.stamp  ## format, lint, types, import contracts, sizes, dependencies
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_sizes.py
	$(PIP) check

format: $(VENV)/dev.stamp  ## put the code into its form
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

lock: $(VENV)/dev.stamp  ## choose the newest versions that fit, and write the locks
	$(LOCK) --upgrade --output-file requirements/build.txt requirements/build.in
	$(LOCK) --upgrade --output-file requirements/run.txt pyproject.toml
	$(LOCK) --upgrade --output-file requirements/dev.txt pyproject.toml requirements/dev.in \
		--constraint requirements/build.txt --constraint requirements/run.txt

clean:  ## remove what can be made again
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

export PREFIX DESTDIR

build/wheels/SHA256SUMS: $(VENV)/run.stamp $(shell find pigment_watcher -name '*.py' -o -name '*.sql')
	rm -rf build/wheels
	$(PIP) wheel --require-hashes --no-build-isolation --wheel-dir build/wheels -r requirements/run.txt
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir build/wheels .
	sed -n '/^pip==/,/# via/p' requirements/build.txt >build/pip.txt
	$(PIP) wheel --require-hashes --no-deps --wheel-dir build/wheels -r build/pip.txt
	cd build/wheels && sha256sum *.whl >SHA256SUMS

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer with venv and ensurepip found;" \
		"install one (Debian: python3-venv), or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The builders come first, from their own lock, so that nothing is fetched that no lock names.
$(VENV)/build.stamp: requirements/build.txt | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/build.txt
	@touch $@

$(VENV)/run.stamp: requirements/run.txt pyproject.toml $(VENV)/build.stamp
	$(PIP) install --require-hashes --no-build-isolation -r requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(PIP) install --require-hashes --no-build-isolation -r requirements/dev.txt
	@touch $@
