# The commands of this repository. What they do lives where it can be tested (tests/, .ci/run); here are only their names.
# What they install goes into .local/: nothing outside the work tree is touched.

STAGE ?= staging
# The instruction set of `make build` and `make deploy`; the stage's Architecture parameter in samconfig.toml says the same.
ARCH ?= arm64
PYTHON ?= python3
# What `make simulate` plays.
SEEDS ?= 2000
FIRST ?= 1
FUZZ_SECONDS ?= 60

CARGO_DENY := 0.20.2
CARGO_MACHETE := 0.9.2
# Used only where `cargo nextest` is missing; .config/nextest.toml says which versions will do.
CARGO_NEXTEST := 0.9.143

# In CI nobody may change the lock file by building, and one failure does not hide the next.
LOCKED := $(if $(CI),--locked)
NEXTEST_PROFILE := $(if $(CI),--profile ci)

export PATH := $(CURDIR)/.local/tools/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0

# Shared with the local stack (tests/src/local/tools.rs): a copy of the requirements, written after they were installed.
VENV := .local/venv/installed-requirements.txt
DENY := .local/tools/cargo-deny-$(CARGO_DENY)
MACHETE := .local/tools/cargo-machete-$(CARGO_MACHETE)
NEXTEST := $(if $(shell cargo nextest --version 2>/dev/null),,.local/tools/cargo-nextest-$(CARGO_NEXTEST))

.DEFAULT_GOAL := help
.PHONY: help setup local demo test simulate fuzz lint audit fmt bench openapi build deploy clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV) $(DENY) $(MACHETE) $(NEXTEST) ## install the tools of all other commands into .local (each does it when needed)

local: ## run the whole stack on this machine until Ctrl-C
	@cargo run $(LOCKED) -q -p tests --bin local

demo: ## one campaign from import to ledger on the local stack; VENDORS=path.csv for another file
	@cargo run $(LOCKED) -q -p tests --bin demo

test: $(NEXTEST) ## every test, the deployed template included
	@cargo nextest run $(LOCKED) --workspace $(NEXTEST_PROFILE)

simulate: ## play the delivery core with everything that can go wrong; SEEDS=20000 FIRST=1, ARGS=-v with SEEDS=1 for all that happens
	@cargo run $(LOCKED) -q -p simulation --bin simulate -- --seeds $(SEEDS) --first $(FIRST) $(ARGS)

fuzz: ## feed sheets, identifiers and headers with nonsense; FUZZ_SECONDS=60 for each target
	BOLERO_RANDOM_ITERATIONS=1000000000000 BOLERO_RANDOM_TEST_TIME_MS=$(FUZZ_SECONDS)000 cargo test $(LOCKED) -q -p sheets --test sheets fuzz::

lint: $(VENV) $(DENY) $(MACHETE) ## formatting, clippy, dependencies, template
	cargo fmt --all --check
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	cargo deny --log-level error $(LOCKED) check bans licenses sources
	cargo machete --with-metadata
	.local/venv/bin/sam validate --lint

# Apart from lint: the RustSec database is fetched from its Git host, and what it says changes without a commit of ours.
audit: $(DENY) ## known vulnerabilities in dependencies (fetches the RustSec database)
	cargo deny $(LOCKED) check advisories

fmt: ## format all Rust code
	cargo fmt --all

# Our own crates optimised. Their dependencies have a level of their own, so nothing else is compiled again, and cargo keeps both builds
# of ours: the next `make test` finds its own.
bench: ## measure against the bars, into target/bench.json; ARGS="cold_start --only auth" for a part
	@CARGO_PROFILE_DEV_OPT_LEVEL=2 cargo run $(LOCKED) -q -p tests --bin bench -- $(ARGS)

# Through a file of its own: the crate that is compiled to print the document embeds the previous one.
openapi: ## write functions/system/openapi.json from the handlers' types
	cargo run $(LOCKED) -q -p tests --bin openapi > target/openapi.json
	cp target/openapi.json functions/system/openapi.json

build: $(VENV) ## every function, optimised, into target/lambda; ARCH=arm64 or x86-64
	PATH="$(CURDIR)/.local/venv/bin:$$PATH" cargo lambda build $(LOCKED) --release --$(ARCH) --workspace --exclude tests --bins

deploy: build ## build and deploy to AWS; STAGE=staging or production
	.local/venv/bin/sam deploy --config-env $(STAGE)

clean: ## remove what was built; installed tools stay
	cargo clean
	rm -rf .aws-sam

# The stamp comes last, so an installation that was killed is done again.
$(VENV): tests/local-requirements.txt
	$(PYTHON) -m venv .local/venv
	.local/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r $<
	cp $< $@

# Tools that run for seconds: compiling them fast matters more than running them fast (cargo-deny: one minute, not five).
.local/tools/%: export CARGO_PROFILE_RELEASE_OPT_LEVEL := 0
.local/tools/%: export CARGO_PROFILE_RELEASE_LTO := off
.local/tools/%: export CARGO_PROFILE_RELEASE_CODEGEN_UNITS := 16
$(DENY): ; cargo install -q --locked --root .local/tools --version $(CARGO_DENY) cargo-deny && touch $@
$(MACHETE): ; cargo install -q --locked --root .local/tools --version $(CARGO_MACHETE) cargo-machete && touch $@
$(NEXTEST): ; cargo install -q --locked --root .local/tools --version $(CARGO_NEXTEST) --no-default-features --features default-no-update cargo-nextest && touch $@
