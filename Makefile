# allears. `make demo` shows it, `make test` proves it.

CARGO ?= cargo
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
DESTDIR ?=
SEED ?= 1

# What the tests need that is not ours: real game servers and clients, real SNMP programs, what networks are made of, and
# what C programs are.
TEST_TOOLS = /usr/games/openarena-server /usr/games/mvdsv /usr/games/darkplaces-server /usr/games/teeworlds-server \
	/usr/games/DDNet-Server /usr/sbin/murmurd /usr/bin/quakestat \
	/usr/sbin/nsd /usr/sbin/unbound /usr/sbin/knotd /usr/sbin/named /usr/sbin/dnsmasq /usr/bin/dig /usr/bin/dnsperf \
	/usr/bin/pip3 /usr/sbin/ip /usr/sbin/tc /usr/sbin/nft /usr/bin/snmpbulkwalk /usr/sbin/snmpd \
	/usr/bin/cc /usr/bin/c++ /usr/bin/nm /usr/bin/pkg-config /usr/bin/valgrind /usr/bin/python3 /usr/include/uv.h /usr/sbin/chronyd
TEST_PACKAGES = openarena-server mvdsv darkplaces-server teeworlds-server ddnet-server mumble-server qstat \
	nsd unbound knot bind9 bind9-dnsutils dnsmasq dnsperf python3-pip iproute2 nftables snmp snmpd \
	gcc g++ binutils pkg-config valgrind python3 libuv1-dev libc6-dbg chrony

ORACLES = tests/oracles/install || echo "make: cannot install the clients that tests/games_oracles.rs compares with" >&2

# The C library: no command line in it. Its soname changes only if programs would have to, which is never planned.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
SONAME = liballears.so.1
LIB_DIR = target/c
LIB = $(CARGO) rustc --release --locked --lib --no-default-features --features ffi --target-dir $(LIB_DIR)

.PHONY: build demo test sim lint bench bench-games bench-dns fuzz lib install install-lib clean tools

build:
	$(CARGO) build --release --locked

# A simulated fleet of 2,000 game servers, and a sweep over it.
demo: build
	target/release/allears demo

test: tools
	$(CARGO) test --locked
	$(CARGO) test --locked --no-default-features --lib --tests
	$(CARGO) test --locked --no-default-features --features ffi --lib

# One seed of the virtual network, told in full: make sim SEED=42
sim:
	SEED=$(SEED) $(CARGO) test --locked --test virtual_time -- --nocapture

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features --features ffi --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

# Ratios within one run; nothing here is asserted.
bench: lib
	$(CARGO) bench --locked

# allears beside massdns and dnsperf: docs/performance.md.
bench-dns: build tools
	benches/dns_clients.py

# allears beside other clients of game servers: docs/performance.md.
bench-games: build tools
	benches/game_clients.py

# Needs cargo-fuzz (cargo install cargo-fuzz) and a C++ compiler. The sanitizers' flags are unstable,
# hence the variable; no other toolchain is needed. FUZZ_SECONDS for each target.
FUZZ_SECONDS ?= 60
fuzz:
	@set -e; fuzz/seeds.py; for target in $$($(CARGO) fuzz list); do \
		RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS); \
	done

lib:
	$(LIB) --crate-type cdylib,staticlib -- -C link-arg=-Wl,-soname,$(SONAME)

install: build install-lib
	install -D -m 755 target/release/allears $(DESTDIR)$(PREFIX)/bin/allears
	install -D -m 644 man/allears.1 $(DESTDIR)$(MANDIR)/man1/allears.1

# The library, its header, what pkg-config needs, and a manual page, which each function leads to.
install-lib: lib
	install -D -m 755 $(LIB_DIR)/release/liballears.so $(DESTDIR)$(LIBDIR)/liballears.so.$(VERSION)
	ln -sf liballears.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/liballears.so
	install -D -m 644 $(LIB_DIR)/release/liballears.a $(DESTDIR)$(LIBDIR)/liballears.a
	install -D -m 644 include/allears.h $(DESTDIR)$(INCLUDEDIR)/allears.h
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' \
		include/allears.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/allears.pc
	install -d $(DESTDIR)$(MANDIR)/man3
	awk -f man/from-header.awk include/allears.h man/allears.3.in > $(DESTDIR)$(MANDIR)/man3/allears.3
	for name in $$(sed -n 's/^[a-z].* \**\(allears_[a-z0-9_]*\)(.*/\1/p' include/allears.h); do \
		echo '.so man3/allears.3' > $(DESTDIR)$(MANDIR)/man3/$$name.3 || exit 1; \
	done

clean:
	$(CARGO) clean

# Installs what the tests need where it can; says what is missing where it cannot.
tools:
	@for tool in $(TEST_TOOLS); do test -e $$tool || missing=1; done; \
	if [ -z "$$missing" ]; then $(ORACLES); exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(TEST_PACKAGES) \
			&& $(ORACLES); \
	else \
		echo "make: some tests will say that they cannot run; they need: $(TEST_PACKAGES)" >&2; \
	fi
