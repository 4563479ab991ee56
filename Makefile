# Every target does all of its own set-up in .venv and asks for nothing; `make help` lists them.
# PYTHON=… chooses the Python, ARGS=… goes to the command, e.g. make test ARGS="-k claim"

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
export PYTHON

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench screenshots lock clean FORCE

help: ## this list
	@echo "Anhu 安呼, from a press to a person"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.anhu ## the whole chain with a simulated home and telephone; you are the operator
	@$(BIN)/anhu-sim demo $(ARGS)

test: $(VENV)/.anhu $(VENV)/.test $(VENV)/.browser ## all tests
	@$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.anhu ## press to person, hop by hop: one table
	@$(BIN)/python -m benchmarks $(ARGS)

screenshots: $(VENV)/.anhu $(VENV)/.test $(VENV)/.browser ## the pictures of the documentation
	@$(BIN)/python docs/screenshots.py $(ARGS)

# --- what must be true of every commit; `make -k check` goes on after the first failure ------------------------------
CHECKS := format lint types imports migrations translations docs locks
.PHONY: $(CHECKS:%=check-%)
check: $(CHECKS:%=check-%) ## format, lint, types, borders of packages, migrations, translations, documents, locks

# $(call verdict,what,command): one line when it is well, the command's whole output when it is not
verdict = @printf '  %-14s' '$(1)'; if said=$$($(2) 2>&1); then echo ok; else echo FAILED; echo "$$said"; exit 1; fi

$(CHECKS:%=check-%): $(VENV)/.anhu $(VENV)/.test $(VENV)/.check

check-format:
	$(call verdict,format,$(BIN)/ruff format --check .)
check-lint:
	$(call verdict,lint,$(BIN)/ruff check .)
check-types:
	$(call verdict,types,$(BIN)/mypy)
check-imports:
	$(call verdict,imports,$(BIN)/lint-imports)
check-migrations:
	$(call verdict,migrations,$(BIN)/python -m server.migrations.check)
check-translations:
	$(call verdict,translations,$(BIN)/python -m server.console.messages check)
check-docs:
	$(call verdict,documents,$(BIN)/python docs/generate.py --check)
check-locks:
	$(call verdict,locks,$(BIN)/python requirements/check.py)

lock: $(VENV)/.lock ## newest versions into requirements/*.txt (ARGS="-P NAME" for one package)
	@requirements/lock.sh $(BIN)/uv $(if $(ARGS),$(ARGS),--upgrade)

clean: ## removes everything that these targets made
	@rm -rf $(VENV) build dist node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf server/console/static/vendor
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Clean."

# --- set-up: a stamp per step, so that the second run starts at once -------------------------------------------------
# An environment whose Python went away, or whose folder was moved, is made anew.
ifneq ($(shell $(BIN)/python -c 'print(1)' 2>/dev/null)$(shell cat $(VENV)/.python 2>/dev/null),1$(CURDIR))
$(VENV)/.python: FORCE
endif
$(VENV)/.python:
	@requirements/venv.sh $(VENV)

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt $(VENV)/.python
	@requirements/install.sh $(VENV) "Installing what Anhu runs on (once, up to a minute or two)" runtime build
	@touch $@

BUILT_FROM := pyproject.toml deploy/build_hook.py $(wildcard package.json package-lock.json) \
	$(shell find server/console/locale -name '*.po' 2>/dev/null)
$(VENV)/.anhu: $(BUILT_FROM) $(VENV)/.runtime
	@requirements/install.sh $(VENV) "Building Anhu itself" --project
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.python
	@requirements/install.sh $(VENV) "Installing the test tools" test
	@touch $@

$(VENV)/.check: requirements/check.txt $(VENV)/.python
	@requirements/install.sh $(VENV) "Installing the checkers" check
	@touch $@

$(VENV)/.lock: requirements/lock.txt $(VENV)/.python
	@requirements/install.sh $(VENV) "Installing the locker" lock
	@touch $@

$(VENV)/.browser: $(VENV)/.test $(VENV)/.runtime
	@requirements/browser.sh $(VENV)
	@touch $@
