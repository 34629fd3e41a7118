# Verbs for people: build, run, test, check, docs, fix, bench, gen, lock, asan, tsan, clean. Everything else is a file that one of them needs.

PYTHON ?= python3
VENV ?= .venv
BUF_VERSION := 1.75.0
PYRIGHT_VERSION := 1.1.414
UV_VERSION := 0.13.9

export UV_PYTHON_DOWNLOADS := never
export VIRTUAL_ENV := $(abspath $(VENV))
export PATH := $(VIRTUAL_ENV)/bin:$(PATH)
# Tests and services start many processes; each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

UV := uv --quiet
BUF := .tools/node_modules/.bin/buf
PYRIGHT := .tools/node_modules/.bin/pyright
INSTALL := $(UV) pip install --no-build-isolation --no-deps

# SANITIZE=address,undefined or thread; the extension of such a build needs a virtual environment of its own.
SANITIZE ?=
comma := ,
BUILD_DIR := build/native$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
CORE_FLAGS := -C build-dir=$(abspath $(BUILD_DIR)) \
	$(if $(SANITIZE),-C cmake.build-type=RelWithDebInfo -C install.strip=false -C cmake.define.ALPHAFORGE_SANITIZE=$(SANITIZE))

CORE_SOURCES := core/pyproject.toml core/CMakeLists.txt $(wildcard core/src/*/*.[ch]pp core/bindings/*.[ch]pp)
PURE_PACKAGES := protos/python clients/python services

.PHONY: build run test check docs fix bench gen lock asan tsan clean
.DELETE_ON_ERROR:

build: $(VENV)/.core $(VENV)/.packages

HEADERS := import ensurepip, os, sys, sysconfig; sys.exit(sys.version_info < (3, 11) or \
	not os.path.exists(sysconfig.get_path("include") + "/Python.h"))

$(VENV)/.uv:
	@$(PYTHON) -c '$(HEADERS)' 2>/dev/null || { echo "$(PYTHON) must be Python 3.11 or later with venv and its C headers;" \
		"on Debian: apt-get install python3-dev python3-venv g++ make" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

$(VENV)/.requirements: requirements.txt | $(VENV)/.uv
	$(UV) pip install -r $<
	touch $@

# Built without isolation, so that ninja finds the objects of the last build.
$(VENV)/.core: $(CORE_SOURCES) $(VENV)/.requirements
	$(INSTALL) $(CORE_FLAGS) -e core
	touch $@

$(VENV)/.packages: $(PURE_PACKAGES:%=%/pyproject.toml) $(VENV)/.requirements
	$(INSTALL) $(PURE_PACKAGES:%=-e %)
	touch $@

run: build
	alphaforge up

# Many tests wait for what services do: two files at a time take half as long, whatever the machine.
test: build
	python -m pytest -n 2 --dist loadfile

check: build $(BUF) $(PYRIGHT)
	ruff check .
	ruff format --check .
	mypy
	$(PYRIGHT)
	$(BUF) lint protos
	$(BUF) breaking protos --against protos/released.binpb
	python tools/gen.py --check
	python -m tools.dashboards --check
	python -m tools.metrics_page --check
	$(MAKE) --no-print-directory docs

# The site: build/site/index.html. A warning, such as a link that leads nowhere, is an error.
docs: build
	python -m tools.reference_pages
	zensical build --clean --strict

fix: build
	ruff check --fix-only .
	ruff format .

gen: build
	python tools/gen.py
	python -m tools.dashboards
	python -m tools.metrics_page

bench: build
	python -m benchmarks

lock: | $(VENV)/.uv
	$(UV) pip compile --universal --no-header --no-annotate --upgrade \
		--no-emit-package alphaforge-client --no-emit-package alphaforge-core \
		--no-emit-package alphaforge-protos --no-emit-package alphaforge-services \
		--group dev pyproject.toml --output-file requirements.txt

$(BUF) $(PYRIGHT) &: Makefile
	npm install --silent --no-fund --no-audit --no-package-lock --prefix .tools \
		@bufbuild/buf@$(BUF_VERSION) pyright@$(PYRIGHT_VERSION)
	touch $(BUF) $(PYRIGHT)

# The extension under sanitizers. Their runtime must be the first library in the process; libstdc++ lets it see exceptions.
# -s: a report on an aborted process is lost where pytest captures the output.
asan: VENV := build/venv-asan
asan:
	$(MAKE) VENV=$(VENV) SANITIZE=address,undefined build
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so)" \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
		$(VENV)/bin/python -m pytest -q -s tests/unit tests/property

tsan: VENV := build/venv-tsan
tsan:
	$(MAKE) VENV=$(VENV) SANITIZE=thread build
	LD_PRELOAD="$$(g++ -print-file-name=libtsan.so)" TSAN_OPTIONS=ignore_noninstrumented_modules=1 \
		$(VENV)/bin/python -m pytest -q -s tests/unit tests/property

clean:
	rm -rf $(VENV) build .tools
