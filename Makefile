# pgtape: `make help` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: footprint help up demo build check test model fuzz majors e2e e2e-cluster e2e-cluster-smoke e2e-cluster-cnpg drivers fidelity soak durability bench golden golden-chart bundle image lock clean

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

model: build ## nightly: 10,000 generated sequences of messages, direct and recorded (SEQUENCES=..., PGTAPE_SEED=... to play one, PGTAPE_MODEL_FROM=batch to go on)
	@PGTAPE_MODEL_SEQUENCES=$(or $(SEQUENCES),10000) scripts/jest packages/recorder/dist/model.test --selectProjects unit

fuzz: build ## five million inputs against the decoders (INPUTS=..., SEED=..., THREADS=...); what fails stays in testdata/corpus
	@scripts/node --enable-source-maps packages/recorder/dist/fuzz.testing.js $(or $(INPUTS),5000000) "$(SEED)" $(or $(THREADS),2)

majors: build ## nightly: what the unit tests ask of PostgreSQL, of 14 to 18 (ARGS="14 16")
	@scripts/majors $(ARGS)

e2e: build ## what needs Debian packages or Go-built servers: psql, pgbench, pgbouncer, Jaeger (cached outside the checkout)
	@scripts/e2e

e2e-cluster: build ## what needs Kubernetes, an API server or a whole node: built from Go modules into a cache outside the checkout (about a quarter of an hour, once)
	@scripts/e2e-cluster

e2e-cluster-smoke: build ## the quickstart, AddressSwap and the uninstall on a whole Kubernetes node; about three minutes once its binaries are built
	@scripts/e2e-cluster smoke

e2e-cluster-cnpg: build ## Clusters of a real CloudNativePG on a whole node: its operator is built once, in minutes; then about five minutes
	@scripts/e2e-cluster cloudnativepg

drivers: build ## every driver over every transport, directly and recorded; writes docs/drivers.md (ARGS="pgx chunks-3")
	@scripts/drivers $(ARGS)

fidelity: build ## PostgreSQL's own suites directly and through the recorder, the decode oracle, docs/fidelity.md (resumable; ARGS="--fresh", ARGS="--only pgbench")
	@scripts/fidelity $(ARGS)

soak: build ## the long version of the kill -9 test (200 kills)
	@PGTAPE_KILLS=200 scripts/e2e kill9

durability: build ## nightly: recorder, vault and store killed at random under pgbench, 1,000 times (KILLS=..., PGTAPE_SEED=...)
	@PGTAPE_KILLS=$(or $(KILLS),1000) scripts/e2e durability

bench: build ## transactions per second and CPU per transaction: direct, pgbouncer, recorder; microseconds per statement of the decoder
	@scripts/node --enable-source-maps e2e/dist/bench.js $(ARGS)

footprint: build ## what a recorder of the image costs: milliseconds to its start, resident memory when idle, its supervisor's too
	@scripts/node --enable-source-maps e2e/dist/footprint.js

golden: build ## rewrite golden files; review the diff
	@PGTAPE_GOLDEN=write npm run --silent test

bundle: build ## one bundle of JavaScript per role, in dist/bundle
	@npm run --silent bundle

image: build ## the container image, by buildah, without a daemon (prints its name and the archive that holds it)
	@scripts/image

golden-chart: build ## rewrite deploy/ and testdata/chart by helm template
	@PGTAPE_GOLDEN=write scripts/e2e-cluster chartRenders

lock: ## write package-lock.json anew after a package.json changed
	@scripts/lock

clean: ## remove what was compiled (a deleted test's output would go on running)
	@npm run --silent clean
