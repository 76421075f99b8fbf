# Everything a contributor types. `make` alone lists the targets.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

FUZZ_SECONDS ?= 60
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(abspath $(TARGET_DIR))/release
export MEDIA_CONCAT := $(RELEASE)/media-concat

ifdef CI
export CARGO_TERM_COLOR := never
export CARGO_INCREMENTAL := 0
endif
export CARGO_TERM_PROGRESS_WHEN := never

.PHONY: help deps build fixtures demo lint audit test laws bench fuzz serve soak load clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install every Debian package that building, testing and measuring need
	@scripts/deps.sh

build: ## build the tool: target/release/media-concat
	@scripts/deps.sh build
	@cargo build --locked --release --features cli --bin media-concat

fixtures: ## make the test media (fixtures/generated)
	@scripts/deps.sh test
	@fixtures/make.sh
	@fixtures/containers.sh

demo: ## join three clips and look at the seams (demo-out)
	@scripts/deps.sh demo
	@cargo build --quiet --locked --release --features cli --bin media-concat
	@scripts/demo.sh

lint: ## format, spelling, lints with each feature, documentation, dependency guards
	@scripts/deps.sh test
	@scripts/lint.sh

audit: ## features two by two, and licences, sources, versions and advisories of dependencies
	@scripts/deps.sh build
	@scripts/audit.sh

test: fixtures ## all tests (about 15 minutes on two cores)
	@scripts/test.sh

bench: ## measure beside FFmpeg, mkvmerge, mp4-merge and cat (bench-out/results.md)
	@scripts/deps.sh bench
	@cargo build --quiet --locked --release --features cli --bin media-concat
	@benches/peers.sh
	@benches/containers.sh
	@benches/remote.sh
	@cargo bench --quiet --locked --features cli --bench store | tee -a bench-out/results.md

laws: fixtures ## clips cut and joined at random, LAWS (300) of them; LAWS_SEED repeats a run
	@LAWS=$(or $(LAWS),300) cargo test --locked --all-features --test laws -- --ignored --nocapture

fuzz: fixtures ## fuzz every target for FUZZ_SECONDS (60)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh

serve: ## run the artifact service on http://127.0.0.1:8080 (folder: artifacts)
	@scripts/deps.sh build
	@cargo build --quiet --locked --release -p artifact-service
	@$(RELEASE)/artifact-service serve $(SERVE_OPTIONS)

soak: fixtures ## 2,000 mixed jobs over four worker processes that are killed at random, twice
	@cargo build --quiet --locked --release -p artifact-service --bins --example store
	@ARTIFACT_SERVICE=$(RELEASE)/artifact-service artifact-service/soak/soak.py
	@ARTIFACT_SERVICE=$(RELEASE)/artifact-service SOAK_BUCKET=$(RELEASE)/examples/store artifact-service/soak/soak.py

load: fixtures ## creates and reads a second while joins run, with 100 event streams; 5 GB by URL
	@cargo build --quiet --locked --release -p artifact-service --bins --example store
	@ARTIFACT_SERVICE=$(RELEASE)/artifact-service SOAK_BUCKET=$(RELEASE)/examples/store artifact-service/soak/load.py

clean: ## remove what was built and made
	@cargo clean --quiet
	@rm -rf fixtures/generated fixtures/containers demo-out bench-out fuzz/target fuzz/artifacts
