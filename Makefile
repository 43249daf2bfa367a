# allears. `make demo` shows it, `make test` proves it.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=
SEED ?= 1

# What the tests need that is not ours: a real game server, real SNMP programs, and what networks are made of.
TEST_TOOLS = /usr/games/openarena-server /usr/sbin/ip /usr/sbin/tc /usr/sbin/nft /usr/bin/snmpbulkwalk /usr/sbin/snmpd
TEST_PACKAGES = openarena-server iproute2 nftables snmp snmpd

.PHONY: build demo test sim lint bench fuzz install clean tools

build:
	$(CARGO) build --release --locked

# A simulated fleet of 2,000 game servers, and a sweep over it.
demo: build
	target/release/allears demo

test: tools
	$(CARGO) test --locked
	$(CARGO) test --locked --no-default-features --lib --tests

# One seed of the virtual network, told in full: make sim SEED=42
sim:
	SEED=$(SEED) $(CARGO) test --locked --test virtual_time -- --nocapture

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

# Ratios within one run; nothing here is asserted.
bench:
	$(CARGO) bench --locked

# Needs cargo-fuzz (cargo install cargo-fuzz) and a C++ compiler. The sanitizers' flags are unstable,
# hence the variable; no other toolchain is needed. FUZZ_SECONDS for each target.
FUZZ_SECONDS ?= 60
fuzz:
	@set -e; for target in $$($(CARGO) fuzz list); do \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS); \
	done

install: build
	install -D -m 755 target/release/allears $(DESTDIR)$(PREFIX)/bin/allears

clean:
	$(CARGO) clean

# Installs what the tests need where it can; says what is missing where it cannot.
tools:
	@for tool in $(TEST_TOOLS); do test -x $$tool || missing=1; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(TEST_PACKAGES); \
	else \
		echo "make: some tests will say that they cannot run; they need: $(TEST_PACKAGES)" >&2; \
	fi
