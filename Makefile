# Targets to call: build, run, quick, test, check, tidy, docs, fix, bench, chaos, peers, gen, lock, fuzz, dist, asan, tsan, clean. All others are files that these need.

PYTHON ?= python3
VENV ?= .venv
BUF_VERSION := 1.75.0
PYRIGHT_VERSION := 1.1.414
# gRPC for Node, for examples/order.js.
GRPC_NODE := @grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1
UV_VERSION := 0.13.9

export UV_PYTHON_DOWNLOADS := never
export VIRTUAL_ENV := $(abspath $(VENV))
export PATH := $(VIRTUAL_ENV)/bin:$(PATH)
# Tests and services start many processes; each would recompile every module.
unexport PYTHONDONTWRITEBYTECODE

UV := uv --quiet
BUF := .tools/node_modules/.bin/buf
PYRIGHT := .tools/node_modules/.bin/pyright
INSTALL := $(UV) pip install --no-build-isolation --no-deps

# SANITIZE=address,undefined or thread; the extension of such a build needs a virtual environment of its own.
SANITIZE ?=
comma := ,
BUILD_DIR := build/native$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
CORE_FLAGS := -C "build-dir=$(CURDIR)/$(BUILD_DIR)" \
	$(if $(SANITIZE),-C cmake.build-type=RelWithDebInfo -C install.strip=false -C cmake.define.ALPHAFORGE_SANITIZE=$(SANITIZE))

CPP_FILES = $(shell git ls-files 'core/*.[ch]pp' 'tests/*.[ch]pp')
# Includes Python files, because the installed package knows only the files that existed when it was installed. Excludes their folders,
# which change whenever a module in them is compiled.
CORE_SOURCES := core/pyproject.toml core/CMakeLists.txt $(shell find core/src core/bindings -name "*.[ch]pp") \
	$(shell find core/python -name "*.py")
PURE_PACKAGES := protos/python clients/python services

.PHONY: build run quick test check tidy docs fix bench chaos peers gen lock fuzz dist asan tsan clean
.DELETE_ON_ERROR:

build: $(VENV)/.core $(VENV)/.packages

HEADERS := import ensurepip, os, shutil, sys, sysconfig; shutil.which(os.environ.get("CXX", "g++")) or sys.exit(1); sys.exit(sys.version_info < (3, 11) or \
	not os.path.exists(sysconfig.get_path("include") + "/Python.h"))

$(VENV)/.uv:
	@$(PYTHON) -c '$(HEADERS)' 2>/dev/null || { echo "$(PYTHON) must be Python 3.11 or later with venv and its C headers, and g++ (or CXX) must be there;" \
		"on Debian: apt-get update && apt-get install python3-dev python3-venv g++ make" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

$(VENV)/.requirements: requirements.lock | $(VENV)/.uv
	$(UV) pip install --require-hashes -r $<
	touch $@

# Built without isolation, so that ninja finds the objects of the last build.
$(VENV)/.core: $(CORE_SOURCES) $(VENV)/.requirements
	$(INSTALL) $(CORE_FLAGS) -e core
	touch $@

$(VENV)/.packages: $(PURE_PACKAGES:%=%/pyproject.toml) $(VENV)/.requirements
	$(INSTALL) $(PURE_PACKAGES:%=-e %)
	touch $@

run: build
	@alphaforge up $(ARGS)

# Tests of the engines and of everything that needs no service, in under a minute; run it at each save.
quick: build
	HYPOTHESIS_FACTOR=0.05 python -m pytest -q -n 2 --dist loadfile -m "not slow and not stack" tests/unit tests/property

# Many tests wait for services, so running two files at a time takes half as long on any machine.
test: build
	python -m pytest -n 2 --dist loadfile

check: build $(BUF) $(PYRIGHT)
	ruff check .
	ruff format --check .
	mypy
	clang-format --dry-run -Werror $(CPP_FILES)
	$(PYRIGHT)
	$(BUF) lint protos
	$(BUF) breaking protos --against protos/released.binpb
	python tools/gen.py --check
	python -m tools.dashboards --check
	python -m tools.metrics_page --check
	python -m tools.reference_pages --check
	python -m benchmarks.page --check
	zizmor --offline --quiet .github/workflows
	$(MAKE) --no-print-directory docs
	$(MAKE) --no-print-directory tidy

# clang-tidy over the C++ code: about four minutes on two cores at first; later, a file is checked again only if
# something that the result depends on has changed.
tidy: build
	python -m tools.tidy

# The site: build/site/index.html. A warning, such as a broken link, is an error.
docs: build
	zensical build --clean --strict

fix: build
	ruff check --fix-only .
	ruff format .
	clang-format -i $(CPP_FILES)

gen: build
	python tools/gen.py
	python -m tools.dashboards
	python -m tools.metrics_page
	python -m tools.reference_pages

# Many faults under load, and a table of their effects; tests/support/chaos.py has the settings. `make test` runs a small part.
chaos: build
	CHAOS_FULL=1 python -m pytest -q -n 2 --dist loadfile tests/chaos

# Comparisons with other programs: NautilusTrader's backtest, and Databento's reader of its own files. They are installed separately,
# because they need other versions of common dependencies.
PEERS := build/peers
PEERS_WANTED := nautilus_trader==1.221.0 databento==0.88.0
$(PEERS)/.installed: Makefile | $(VENV)/.uv
	rm -rf $(PEERS)
	$(UV) pip install --target $(PEERS) $(PEERS_WANTED)
	touch $@

peers: build $(PEERS)/.installed
	PYTHONPATH=$(PEERS) python -m pytest -q -n 0 tests/e2e/test_nautilus_trader.py tests/unit/files/test_dbn.py

bench: build
	python -m benchmarks

lock: | $(VENV)/.uv
	$(UV) pip compile --universal --no-header --no-annotate --upgrade \
		--no-emit-package alphaforge-client --no-emit-package alphaforge-core \
		--no-emit-package alphaforge-protos --no-emit-package alphaforge-services \
		--group dev pyproject.toml --generate-hashes --output-file requirements.lock
	$(CONSTRAINTS)
	$(UV) pip compile --universal --no-header --no-annotate --upgrade --group pyproject.toml:gen --output-file requirements-gen.txt

# Commands that install local wheels use versions without hashes, because pip would require hashes of these wheels too.
CONSTRAINTS = sed -e '/^ *--hash/d' -e 's/ *\\$$//' requirements.lock > requirements.txt

# Wheels and sdists of the four packages, for `pip install --find-links dist`. The core's wheel is for this Python and platform, and
# reuses the objects of the last build.
dist: build
	rm -rf dist build/wheel
	$(UV) build --no-build-isolation --wheel $(CORE_FLAGS) --out-dir build/wheel core
	auditwheel repair --wheel-dir dist build/wheel/alphaforge_core-*.whl
	$(UV) build --no-build-isolation --sdist --out-dir dist core
	for package in $(PURE_PACKAGES); do $(UV) build --no-build-isolation --out-dir dist $$package || exit 1; done

$(BUF) $(PYRIGHT) &: Makefile
	npm install --silent --no-fund --no-audit --no-package-lock --prefix .tools \
		@bufbuild/buf@$(BUF_VERSION) pyright@$(PYRIGHT_VERSION) $(GRPC_NODE)
	touch $(BUF) $(PYRIGHT)

# Runs the decoders and file readers on inputs from libFuzzer, for FUZZ_SECONDS in total (default 60).
fuzz: build
	python -m tests.fuzz

# Runs tests with the extension under sanitizers. Their runtime must be loaded first; with libstdc++, it sees exceptions.
# -s: if pytest captures the output, the report of an aborted process is lost.
asan: VENV := build/venv-asan
asan:
	$(MAKE) VENV=$(VENV) SANITIZE=address,undefined build
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so)" \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
		$(VENV)/bin/python -m pytest -q -s tests/unit tests/property tests/fuzz

# die_after_fork: by default, a child forked from a process with threads ends with status 66 when it starts a thread, even without a race.
tsan: VENV := build/venv-tsan
tsan:
	$(MAKE) VENV=$(VENV) SANITIZE=thread build
	LD_PRELOAD="$$(g++ -print-file-name=libtsan.so)" TSAN_OPTIONS=ignore_noninstrumented_modules=1:die_after_fork=0 \
		$(VENV)/bin/python -m pytest -q -s tests/unit tests/property tests/fuzz

clean:
	rm -rf $(VENV) build .tools
