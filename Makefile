# make demo   plan the trial `alsummit` and show it         make test   every check there is
# make bench  measure every shipped program                 make lock   renew the locked requirements (needs uv)
# make repair-bench  what closures do to a published plan
# make reliability  race, kill -9, times, restore, feeds    make fuzz   10,000 requests nobody should send
# make drill  200 simulated nights with everything that goes wrong
# make logger-files  10,000 random files of temperature loggers, and one of 100 MB
#
# PYTHON selects the interpreter (3.11 or newer), VENV the folder it is installed into:
#   make test PYTHON=python3.13 VENV=.venv-3.13
# DEMO_SERVE=0 ends the demonstration after the figures; DEMO_PORT=8001 serves it elsewhere.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The name of a stamp holds the interpreter's, so that another PYTHON builds the environment anew.
INSTALLED := $(VENV)/installed-$(subst /,_,$(PYTHON))
INSTALLED_DEV := $(VENV)/installed-dev-$(subst /,_,$(PYTHON))
FUZZ := $(VENV)-fuzz
READERS := $(VENV)-readers
INSTALLED_FUZZ := $(FUZZ)/installed-$(subst /,_,$(PYTHON))
INSTALLED_READERS := $(READERS)/installed
CHECKED := scheduler solver fixtures $(wildcard api)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.PHONY: demo test bench repair-bench reliability drill logger-files fuzz lock clean

demo: $(INSTALLED)
	$(BIN)/marrowline demo

test: $(INSTALLED_DEV) $(INSTALLED_FUZZ) $(INSTALLED_READERS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports
	SCHEMATHESIS=$(FUZZ)/bin/schemathesis READERS=$(READERS) \
		$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile

bench: $(INSTALLED)
	$(BIN)/python -m scheduler.bench

repair-bench: $(INSTALLED)
	$(BIN)/python -m scheduler.repair_bench

reliability: $(INSTALLED_DEV)
	$(BIN)/python -m scheduler.reliability race kill latency restore feeds

drill: $(INSTALLED_DEV)
	$(BIN)/python -m scheduler.reliability drill

logger-files: $(INSTALLED_DEV)
	LOGGER_FILES=all $(BIN)/python -m pytest -v tests/coldchain/test_logger_files.py -k "random or memory"

fuzz: $(INSTALLED_DEV) $(INSTALLED_FUZZ)
	SCHEMATHESIS=$(FUZZ)/bin/schemathesis $(BIN)/python -m scheduler.reliability fuzz

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--quiet --group build pyproject.toml --output-file requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--quiet --group build --group dev --constraint requirements.txt pyproject.toml --output-file requirements-dev.txt
	echo 'schemathesis>=4.32' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --quiet - --output-file requirements-fuzz.txt

clean:
	rm -rf $(VENV) $(FUZZ) $(READERS) out build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Marrowline needs Python 3.11 or newer; name one with: make PYTHON=python3.13"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet --require-hashes -r requirements.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(INSTALLED_DEV): $(INSTALLED) requirements-dev.txt
	$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

# What reads our calendar files back: npm's libraries, which need Node.js 18 or newer.
$(INSTALLED_READERS): tests/readers/package.json tests/readers/package-lock.json
	@mkdir -p $(READERS)
	cp tests/readers/package.json tests/readers/package-lock.json tests/readers/.npmrc $(READERS)
	npm --prefix $(READERS) ci --silent
	@touch $@

$(INSTALLED_FUZZ): requirements-fuzz.txt
	$(PYTHON) -m venv --clear $(FUZZ)
	$(FUZZ)/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes -r requirements-fuzz.txt
	@touch $@
