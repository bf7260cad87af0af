# `make help` lists the targets. Each of them works on a fresh Debian-like machine with Node >= 20.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup setup-ansible test-provision setup-test setup-image run test retest unit integration test-faults test-virtual-pi test-cluster test-cluster-long check bench screenshot release image image-release image-pins virtual-pi clean

NODES ?= 2
ARCH ?= arm64
# Virtual Pis of make test-provision.
PROVISION_NODES ?= 1
PROVISION_TESTS ?= $(addprefix test/integration/provision,.test.ts -image.test.ts -restore.test.ts -rolling.test.ts -remove.test.ts -kafka.test.ts -monitoring.test.ts)
CONFIG ?= vitest.config.ts
# KAFKA=1: a Kafka beside the cluster.
KAFKA ?=
# npm runs on the system's own Node: ours is what it is about to install.
SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/bin:$(CURDIR)/node_modules/.bin:$(PATH)

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

node_modules/.installed: package-lock.json
	@PATH="$(SYSTEM_PATH)" command -v npm >/dev/null || \
	  { echo "bramble: npm is not installed; run: sudo apt-get install nodejs npm" >&2; exit 69; }
	PATH="$(SYSTEM_PATH)" npm ci --no-audit --no-fund
	@touch $@

setup: node_modules/.installed ## Install what `make run` needs
	@./provisioning/setup.sh run
	@$(if $(KAFKA),./provisioning/setup.sh kafka)

setup-test: node_modules/.installed
	@./provisioning/setup.sh test
	@./test/tools/debian-parts.sh

run: setup ## Start a whole cluster on this machine (NODES=2, KAFKA=1); Ctrl-C stops it
	@bin/bramble dev --nodes $(NODES) $(if $(KAFKA),--kafka)

test: setup-test ## Run all tests
	vitest run

# Tests side by side with HAProxy compare clocks and counts; a machine that was busy for a moment
# shows. What fails for a reason fails again.
retest: setup-test ## Run once more, one after the other, the test files that have failed
	@test -s test-results/failed && test "$$(wc -l < test-results/failed)" -lt 12
	@echo "once more, alone:"; cat test-results/failed; echo
	vitest run --config $(CONFIG) --maxWorkers 1 $$(cat test-results/failed)

unit: setup-test ## Run the unit tests (seconds)
	vitest run --project unit

integration: setup-test ## Run the tests with real parts
	vitest run --project integration

test-faults: setup-test ## Break nodes under load and count messages (FAULTS=names, BRAMBLE_FAULTS=long)
	vitest run --config vitest.faults.config.ts $(FAULTS)

check: node_modules/.installed ## Format, lint, types
	biome check .
	tsc

bench: setup-test ## Print ratios against real peers in the same run
	@./provisioning/setup.sh bench
	node test/bench/main.ts
	node test/bench/broker.ts
	node test/bench/balancer.ts

screenshot: setup-test ## Take the README's picture of a running cluster again
	node test/tools/screenshot.ts

release: node_modules/.installed ## Build what a Pi runs of ours (ARCH=arm64, or x64)
	@node image/release/main.ts --arch $(ARCH)

setup-ansible: node_modules/.installed ## Install what `bramble plan` and `bramble apply` need here
	@./provisioning/setup.sh ansible

test-provision: setup-test virtual-pi ## Run the playbooks on virtual Pis (minutes; PROVISION_NODES=3)
	@./provisioning/setup.sh test-ansible
	BRAMBLE_PROVISION_NODES=$(PROVISION_NODES) vitest run --maxWorkers 1 test/integration/ansible.test.ts $(PROVISION_TESTS)

setup-image: node_modules/.installed
	@./provisioning/setup.sh image
	@$(if $(KAFKA),./provisioning/setup.sh kafka)

image: setup-image ## Build the image for a Pi's card (KEY=FILE signs its updates; KAFKA=1: Java and Kafka in it)
	@node image/build/main.ts pi $(if $(KAFKA),--kafka) $(if $(KEY),--key $(KEY))

image-release: setup-image ## Build all that is handed out of it (KEY=FILE, URL=where it will be)
	@node image/build/main.ts pi --release $(if $(KAFKA),--kafka) $(if $(KEY),--key $(KEY)) $(if $(URL),--url $(URL))

virtual-pi: setup-image ## Build the same system for this machine's architecture, without a kernel
	@node image/build/main.ts virtual $(if $(KAFKA),--kafka)

image-pins: setup-image ## Build both from Debian's newest packages and pin those
	@node image/build/main.ts virtual $(if $(KAFKA),--kafka) --refresh-pins
	@node image/build/main.ts pi $(if $(KAFKA),--kafka) --refresh-pins

test-image: image virtual-pi ## Look into the image and boot it in QEMU (minutes)
	vitest run --config vitest.image.config.ts

test-virtual-pi: virtual-pi ## Boot that system under systemd: MQTT, the page, what it does on its own (a minute)
	vitest run --config vitest.image.config.ts test/image/virtual-pi.test.ts

test-cluster: virtual-pi ## Fail virtual Pis over, and count messages (BRAMBLE_CLUSTER=long: all of it)
	vitest run --config vitest.cluster.config.ts $(CLUSTER)

test-cluster-long: ## All that virtual Pis show: failovers, faults, six nodes, playbooks, Kafka (two hours)
	$(MAKE) test-cluster BRAMBLE_CLUSTER=long
	$(MAKE) virtual-pi KAFKA=1
	$(MAKE) test-provision PROVISION_NODES=3
	$(MAKE) test-provision PROVISION_NODES=6 PROVISION_TESTS=test/integration/provision-six.test.ts

clean: ## Remove what was built and the dev cluster's data
	rm -rf node_modules .bramble image/out test-results
