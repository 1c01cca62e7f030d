# The commands of this repository. Everything is built in one profile, so that the sandbox is compiled once.
#
#   make serve                     a gateway on 127.0.0.1:8443 that serves ./callfs-data/files
#   make serve ARGS="DIR"         the same of another folder, or with any other arguments
#   make test                      every check there is

CARGO ?= cargo
RUSTUP ?= rustup
TARGET := wasm32-wasip2
ARGS ?=
BINARY = $$($(CARGO) metadata --no-deps --locked --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/callfs

.PHONY: help serve test lint schemathesis bench target components

help: ## Print this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

serve: target ## Build and start the gateway; ARGS="..." are its arguments
	$(CARGO) run --release --locked -- serve $(ARGS)

test: lint ## Formatting, lints, and every test
	$(CARGO) test --release --workspace --locked
	tests/schemathesis/run "$(BINARY)"

schemathesis: target ## Hold the gateway to its OpenAPI document; needs python3 with venv, or uv
	$(CARGO) build --release --locked
	tests/schemathesis/run "$(BINARY)"

lint: target components ## Formatting and lints alone
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings

bench: target ## Compare with nginx, with S3 asked directly, and stores with each other, as ratios; needs nginx, wrk and curl
	$(CARGO) build --release --locked -p callfs -p callfs-test-s3
	tests/bench/run "$(BINARY)" --s3-server "$(BINARY)-test-s3"
	$(CARGO) bench --locked -p callfs --bench metadata

# Components are compiled for a target of their own, which rustup adds in seconds. Without rustup, whoever installed the
# toolchain installs the target.
target:
	@if command -v $(RUSTUP) >/dev/null; then \
		$(RUSTUP) target list --installed | grep -qx $(TARGET) || $(RUSTUP) target add $(TARGET); \
	fi

# Minimal toolchains come without these.
components:
	@if command -v $(RUSTUP) >/dev/null; then \
		for component in rustfmt clippy; do \
			$(RUSTUP) component list --installed | grep -q "^$$component" || $(RUSTUP) component add $$component; \
		done; \
	fi
