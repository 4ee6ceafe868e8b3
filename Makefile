# All that a contributor needs. 'make check' after an edit, 'make test' before a commit.

CARGO ?= cargo
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PACKAGES := postgresql postgresql-client chromium chromium-driver nginx-light haproxy oathtool xmlsec1 libxml2-utils apache2-bin libapache2-mod-auth-mellon openssl
CLIENTS := e2e/clients
UNIT := -p sojourn-model -p sojourn-crypto -p sojourn-oidc -p sojourn-saml -p sojourn-scim -p sojourn-engine -p sojourn-server -p sojourn -p sojourn-demo

.PHONY: check test e2e gen bench history fuzz coverage mutants demo tools screenshots

# Format, lints, the rules of the house, unit tests: under a minute after an edit.
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) run -q -p xtask -- tidy
	$(CARGO) test -q $(UNIT)

# Everything, on both databases and in a real browser. Installs what it needs.
test: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) run -q -p xtask -- tidy
	$(CARGO) build --workspace
	$(CARGO) test --workspace
	$(CARGO) run -q -p sojourn-bench -- scale 1000000

# The browser alone.
e2e: tools
	$(CARGO) build
	$(CARGO) test -p sojourn-e2e

# Writes what is generated from the code.
gen:
	$(CARGO) run -q -p xtask -- gen

# Figures for docs/PERFORMANCE.md.
bench:
	# One after the other: together, the program would be built with the hook that only tests ask for.
	$(CARGO) build --profile dist -p sojourn
	$(CARGO) run --profile dist -p sojourn-bench

# The promise for an hour: two nodes, every kind of end, pauses at every statement.
history: tools
	SOJOURN_HISTORY_SECONDS=3600 $(CARGO) test --release -p sojourn-server --test history -- --nocapture

# A minute of each fuzz target, with the nightly toolchain.
fuzz:
	@cargo fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked
	for target in $$(cd fuzz/fuzz_targets && ls | sed 's/.rs$$//'); do \
	  cargo +nightly fuzz run $$target -- -max_total_time=60 -max_len=16384 -print_final_stats=1 || exit 1; done

# Prints which lines the tests run, by file; without the tests in a browser.
coverage: tools
	@cargo llvm-cov --version >/dev/null 2>&1 || { rustup component add llvm-tools && $(CARGO) install cargo-llvm-cov --locked; }
	$(CARGO) llvm-cov --workspace --exclude sojourn-e2e --exclude sojourn-bench --exclude xtask \
	  --ignore-filename-regex '(testkit|bench|e2e|xtask|demo)/' --summary-only

# Changes the code in small ways and says which changes no test notices. SHARD=k/n takes a part of them.
mutants:
	@cargo mutants --version >/dev/null 2>&1 || $(CARGO) install cargo-mutants --locked
	cargo mutants -p sojourn-crypto -p sojourn-oidc -p sojourn-scim $(if $(SHARD),--shard $(SHARD)) --timeout 60 -o target -- --lib --tests

# Pictures of every page into screenshots/, to be looked at.
screenshots: tools
	$(CARGO) build
	$(CARGO) run -q -p sojourn-e2e --bin screenshots

demo:
	$(CARGO) run --release -- demo

# PostgreSQL, Chromium, nginx, HAProxy, oathtool, xmlsec1, xmllint and Apache with mellon from Debian's packages, if they aren't there; clients that others wrote, from their
# registries, beside the tests that use them.
tools: $(CLIENTS)/node_modules/.package-lock.json $(CLIENTS)/venv/installed $(CLIENTS)/venv-keys/installed
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1 && command -v chromium >/dev/null 2>&1 && PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null 2>&1 && PATH="$$PATH:/usr/sbin" command -v haproxy >/dev/null 2>&1 && command -v oathtool >/dev/null 2>&1 && command -v xmlsec1 >/dev/null 2>&1 && command -v xmllint >/dev/null 2>&1 && command -v openssl >/dev/null 2>&1 && ls /usr/lib/apache2/modules/mod_auth_mellon.so >/dev/null 2>&1 || \
	  { $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(PACKAGES); }

$(CLIENTS)/node_modules/.package-lock.json: $(CLIENTS)/package-lock.json
	@command -v npm >/dev/null 2>&1 || \
	  { $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nodejs npm; }
	cd $(CLIENTS) && npm ci
	@touch $@

$(CLIENTS)/venv/installed: $(CLIENTS)/requirements.txt
	@python3 -c 'import venv, ensurepip' 2>/dev/null || \
	  { $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3-venv; }
	python3 -m venv $(CLIENTS)/venv
	$(CLIENTS)/venv/bin/pip install -q --disable-pip-version-check -r $(CLIENTS)/requirements.txt
	@touch $@

# Apart: it wants an older cryptography than the other clients do.
$(CLIENTS)/venv-keys/installed: $(CLIENTS)/requirements-keys.txt $(CLIENTS)/venv/installed
	python3 -m venv $(CLIENTS)/venv-keys
	$(CLIENTS)/venv-keys/bin/pip install -q --disable-pip-version-check -r $(CLIENTS)/requirements-keys.txt
	@touch $@
