# The commands of this repository. `make test` runs every check; `make check` and `make unit` are
# its quick parts.
#
#   make serve                     a gateway on 127.0.0.1:8443 that serves ./callfs-data/files
#   make serve ARGS="DIR"         the same of another folder, or with any other arguments

CARGO ?= cargo
CARGO_DENY ?= cargo-deny
RUSTUP ?= rustup
TARGET := wasm32-wasip2
ARGS ?=
METADATA = $(CARGO) metadata --no-deps --locked --format-version 1
TARGET_DIR = $$($(METADATA) | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
BINARY = $(TARGET_DIR)/release/callfs
# What is shipped, and so what is measured.
DIST = $(TARGET_DIR)/dist/callfs
# Every crate below host/ as `-p NAME`.
HOST_CRATES = $$(sed -n '/^\[package\]/,/^name/s/^name *= *"\(.*\)"/-p \1/p' host/*/Cargo.toml)

.PHONY: help serve test check unit deny schemathesis openapi sdk-clients bench bench-smoke toolchain

help: ## Print this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

serve: toolchain ## Build and start the gateway; ARGS="..." are its arguments
	$(CARGO) run --release --locked -- serve $(ARGS)

test: check deny ## Every check: formatting, lints, dependencies, and all tests
	$(CARGO) test --release --workspace --locked --no-fail-fast
	tests/schemathesis/run "$(BINARY)"
	tests/openapi/run "$(BINARY)"
	tests/sdk-clients/run "$(BINARY)"

check: toolchain ## Formatting and lints: seconds when nothing much has changed
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings

unit: toolchain ## The unit tests of the host crates, without the tests of the binary
	$(CARGO) test --release --locked --lib --bins $(HOST_CRATES)

deny: toolchain ## Licenses and sources of dependencies; needs cargo-deny
	@if command -v $(CARGO_DENY) >/dev/null; then \
		$(CARGO_DENY) --locked check bans licenses sources; \
	else \
		echo "deny: skipped: cargo-deny is not installed; cargo install --locked cargo-deny" >&2; \
		test "$${CALLFS_TEST_FORBID_SKIP:-}" != 1; \
	fi

schemathesis: toolchain ## Check a gateway against its OpenAPI document; needs python3
	$(CARGO) build --release --locked
	tests/schemathesis/run "$(BINARY)"

openapi: toolchain ## Generate clients from the OpenAPI document and use them; needs node, python3
	$(CARGO) build --release --locked
	tests/openapi/run $(ARGS) "$(BINARY)"

sdk-clients: toolchain ## Test the client libraries against a gateway; needs python3, node, npm
	$(CARGO) build --release --locked
	tests/sdk-clients/run "$(BINARY)"

bench: toolchain ## Compare with nginx, S3 and other stores; ARGS="..." as of tests/bench/run
	$(CARGO) build --profile dist --locked -p callfs -p callfs-test-s3
	tests/bench/run "$(DIST)" --s3-server "$(DIST)-test-s3" $(ARGS)
	$(CARGO) bench --profile dist --locked -p callfs-metadata --bench metadata

bench-smoke: toolchain ## Check in a minute that the benchmarks run; asserts no times
	$(CARGO) build --release --locked -p callfs -p callfs-test-s3
	tests/bench/run "$(BINARY)" --s3-server "$(BINARY)-test-s3" --smoke \
		--out "$(TARGET_DIR)/bench-smoke"

# Adds the target of the components and the tools of `make check` to the toolchain that is in use.
# Left to itself, rustup first updates that toolchain as a whole, and fails without a network.
# Without rustup, the target has to be installed together with the toolchain.
toolchain: export RUSTUP_AUTO_INSTALL = 0
toolchain:
	@if command -v $(RUSTUP) >/dev/null; then \
		if ! rustc --version >/dev/null 2>&1; then $(RUSTUP) toolchain install; fi && \
		if ! $(RUSTUP) target list --installed | grep -qx $(TARGET); then \
			$(RUSTUP) target add $(TARGET) || exit 1; \
		fi && \
		for component in rustfmt clippy; do \
			$(RUSTUP) component list --installed | grep -q "^$$component" || \
				$(RUSTUP) component add $$component || exit 1; \
		done; \
	fi
