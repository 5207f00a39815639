# make run           serve the app
# make serve         serve it as in production: several processes, and Caddy
# make test          run all checks (ARGS='tests/e2e -x' for some, ARGS='--database postgresql' for one kind)
# make quick         the same without the long ones: engines, faults, several processes, benchmarks
# make fix           let the formatter and the linter mend what they can
# make bench         measure (ARGS='--soak 60' to have tabs come and go for an hour, too)
# make soak          have tabs come and go for long, and look for what grows (MINUTES=60)
# make hostile       have strangers attack a server beside honest tabs (MINUTES=60)
# make chaos         random faults in real browsers (SEED=7 MINUTES=10 DATABASE=postgresql)
# make explore       look longer for a sequence of faults that the tabs do not survive (SECONDS=60 SEED=1)
# make screenshots   make the pictures of the documentation anew

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run serve test quick check fix bench soak hostile chaos explore screenshots clean

run: $(VENV)/run
	@echo "serving on http://$${TODOSYNC_HOST:-127.0.0.1}:$${TODOSYNC_PORT:-8080} (Ctrl-C ends it)"
	@$(BIN)/python main.py

serve: $(VENV)/run
	@scripts/ensure-caddy
	@$(BIN)/python -m todosync serve

test: check
	@scripts/ensure-browsers
	@scripts/ensure-postgres
	@scripts/ensure-caddy
	@# most tests wait for browsers and servers: two for each core; what takes longest begins first
	@$(BIN)/python -m pytest --numprocesses $$((2 * $$(nproc))) --dist loadfile --no-loadscope-reorder $(ARGS)

quick: ARGS := -m 'not long'
quick: test

check: $(VENV)/dev
	@echo 'lint, format, imports, types'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy
	@scripts/check-javascript

bench: $(VENV)/dev
	@scripts/ensure-browsers chromium
	@echo 'measuring; takes a quarter of an hour or more, on a machine that does nothing else'
	@$(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/dev
	@$(BIN)/python -m benchmarks --only soak --soak $(or $(MINUTES),60)

hostile: $(VENV)/dev
	@$(BIN)/python -m benchmarks.hostile --minutes $(or $(MINUTES),60)

chaos: $(VENV)/dev
	@scripts/ensure-browsers chromium
	@$(if $(filter postgresql,$(DATABASE)),scripts/ensure-postgres)
	@$(BIN)/python -m tests.e2e.chaos $(if $(SEED),--seed $(SEED)) --minutes $(or $(MINUTES),10) --database $(or $(DATABASE),sqlite)

screenshots: $(VENV)/dev
	@scripts/ensure-browsers chromium
	@$(BIN)/python scripts/screenshots.py

explore: $(VENV)/dev
	@scripts/ensure-browsers chromium
	@EXPLORE_SECONDS=$(or $(SECONDS),60) SEED=$(or $(SEED),1) $(BIN)/python -m pytest -s tests/js -k 'explorer or relay or queue_walk'

fix: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	scripts/check-javascript --fix

clean:
	rm -rf $(VENV) node_modules .import_linter_cache .mypy_cache .ruff_cache .pytest_cache test-results

$(VENV)/run: requirements.txt
	@echo 'installing what the app needs into $(VENV)'
	@scripts/make-venv $(PYTHON) $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/run
	@echo 'installing what the checks need into $(VENV)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
