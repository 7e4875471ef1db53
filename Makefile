# pgtape: `make help` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help up demo build check test e2e fidelity soak bench golden lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: build ## PostgreSQL, recorder and vault on this machine; something to see within a minute (ARGS="--port 5544 --otlp http://127.0.0.1:4317")
	@./pgtape up $(ARGS)

demo: build ## a scripted session of three people through the recorder that `make up` started
	@./pgtape demo

build: node_modules/.pgtape-installed ## install what package-lock.json pins, and compile
	@npm run --silent build

node_modules/.pgtape-installed: package-lock.json
	@scripts/install

check: build ## format, lint, types, layers, tidy
	@scripts/check

test: build ## every test that needs nothing but npm packages
	@npm run --silent test

e2e: build ## what needs Debian packages or Go-built servers: psql, pgbench, pgbouncer, Jaeger (cached outside the checkout)
	@scripts/e2e

fidelity: build ## PostgreSQL's own suites directly and through the recorder, the decode oracle, docs/fidelity.md (resumable; ARGS="--fresh", ARGS="--only pgbench")
	@scripts/fidelity $(ARGS)

soak: build ## the long version of the kill -9 test (200 kills)
	@PGTAPE_KILLS=200 scripts/e2e kill9

bench: build ## transactions per second and CPU per transaction: direct, pgbouncer, recorder; microseconds per statement of the decoder
	@scripts/node --enable-source-maps e2e/dist/bench.js $(ARGS)

golden: build ## rewrite golden files; review the diff
	@PGTAPE_GOLDEN=write npm run --silent test

lock: ## write package-lock.json anew after a package.json changed
	@scripts/lock

clean: ## remove what was compiled (a deleted test's output would go on running)
	@npm run --silent clean
