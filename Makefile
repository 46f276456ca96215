# make demo   plan the trial `alsummit` and show it         make test   every check there is
# make bench  measure every shipped program                 make lock   renew the locked requirements (needs uv)
#
# PYTHON selects the interpreter (3.11 or newer), VENV the folder it is installed into:
#   make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The name of a stamp holds the interpreter's, so that another PYTHON builds the environment anew.
INSTALLED := $(VENV)/installed-$(subst /,_,$(PYTHON))
INSTALLED_DEV := $(VENV)/installed-dev-$(subst /,_,$(PYTHON))
CHECKED := scheduler solver fixtures $(wildcard api)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.PHONY: demo test bench lock clean

demo: $(INSTALLED)
	$(BIN)/marrowline demo

test: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q

bench: $(INSTALLED)
	$(BIN)/python -m scheduler.bench

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--quiet --group build pyproject.toml --output-file requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		--quiet --group build --group dev --constraint requirements.txt pyproject.toml --output-file requirements-dev.txt

clean:
	rm -rf $(VENV) out build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

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
