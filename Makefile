# Two targets are all a visitor needs, both as root: `make run` and `make test`.

GO        ?= go
BIN       := bin
SOURCES   := $(shell find cmd watcher parsers actions jails configs -name '*.go' -o -name '*.yaml' -o -name '*.conf' -o -name '*.tsv' -o -name '*.txt' -o -name '*.xml' 2>/dev/null)
LOGS      := /var/log/asterisk
FUZZTIME  ?= 20s
VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
STATIC    := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The version of a package: the tag without its v, or how many commits there are.
PACKAGED  ?= $(shell git describe --tags --match 'v*' 2>/dev/null | sed 's/^v//; s/-/+/; s/-/./g' | grep . || echo 0.0.$$(git rev-list --count HEAD)+$$(git rev-parse --short HEAD))

.PHONY: run demo build setup test setup-test unit race kernel lint e2e e2e22 e2e-wire e2e-calls e2e-dialplan e2e-doctor fuzz bench creep growth bench-kernel bench-peers peers torture edges picture words catalogue cover reference packages release install clean

# Guards the PBX of this machine, where there is one; else shows how, on a recorded attack.
run: setup build
	@if [ -d $(LOGS) ] && [ -n "$$(ls -A $(LOGS))" ]; then \
		echo "logs of Asterisk are in $(LOGS): guarding them (ctrl-c ends it, bans stay)"; \
		exec $(BIN)/pbxjail; \
	else \
		echo "no logs of Asterisk in $(LOGS): guarding a recorded attack, in network namespaces of its own"; \
		exec $(BIN)/pbxlab demo; \
	fi

demo: setup build
	$(BIN)/pbxlab demo

build: $(BIN)/pbxjail $(BIN)/jailctl $(BIN)/pbxlab

$(BIN)/%: $(SOURCES) go.mod go.sum
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X pbxjail/cmd/internal/control.release=$(VERSION)' -o $@ ./cmd/$*

# What the programs need on Debian. Nothing is asked of the network when it is there.
setup:
	@need=""; \
	command -v iptables >/dev/null || need="$$need iptables"; \
	command -v ipset >/dev/null || need="$$need ipset"; \
	[ -z "$$need" ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$need; }

# What the tests need besides: the race detector wants a C compiler, and what others
# do to a firewall is done with their own tools.
setup-test: setup
	@command -v promtool >/dev/null || $(MAKE) --no-print-directory $(BIN)/promtool
	@need=""; \
	command -v gcc >/dev/null || need="$$need gcc libc6-dev"; \
	command -v ip >/dev/null || need="$$need iproute2"; \
	command -v nft >/dev/null || need="$$need nftables"; \
	command -v conntrack >/dev/null || need="$$need conntrack"; \
	command -v svmap >/dev/null || need="$$need sipvicious"; \
	command -v sipp >/dev/null || need="$$need sip-tester"; \
	command -v openssl >/dev/null || need="$$need openssl"; \
	command -v selfserv >/dev/null || need="$$need libnss3-tools"; \
	command -v ssh >/dev/null || need="$$need openssh-client"; \
	command -v sshd >/dev/null || need="$$need openssh-server"; \
	[ -z "$$need" ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$need; }

# promtool checks metrics and alert rules. It is taken out of Debian's package of the
# Prometheus server, which is not installed: no service starts.
$(BIN)/promtool:
	@mkdir -p $(BIN)/prometheus
	@apt-get update -qq || true
	@cd $(BIN)/prometheus && apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg -x prometheus_*.deb .
	@mv $(BIN)/prometheus/usr/bin/promtool $@ && touch $@ && rm -rf $(BIN)/prometheus

# Everything: style, units with the race detector and the fuzz seeds, the real
# kernel in network namespaces, and both programs end to end.
test: setup-test lint race

race:
	PBXJAIL_KERNEL=1 $(GO) test -race -shuffle=on -count=1 -timeout 30m ./...

unit:
	$(GO) test -shuffle=on ./...

lint:
	@test -z "$$(gofmt -l cmd watcher parsers actions jails configs)" || { gofmt -l cmd watcher parsers actions jails configs; echo "gofmt would change these"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags man ./cmd/jailctl
	$(GO) run $(STATIC) ./...

# Real Asterisks 16 and 22 under real attacks, with pbxjail beside them. The first
# time they are built with debootstrap, which takes some minutes.
e2e: setup build
	$(BIN)/pbxlab e2e

e2e22: setup build
	$(BIN)/pbxlab e2e --asterisk 22
	$(BIN)/pbxlab e2e-dialplan --asterisk 22

# The same attacks once for each thing that pbxjail can see: logs alone, packets alone, both.
e2e-wire: setup build
	$(BIN)/pbxlab e2e-wire

# One fault after another on real Asterisks: jailctl doctor finds each, and none that is
# repaired. Two minutes for each Asterisk.
e2e-calls: setup build
	$(BIN)/pbxlab e2e-calls

e2e-dialplan: setup build
	$(BIN)/pbxlab e2e-dialplan

e2e-doctor: setup build
	$(BIN)/pbxlab e2e-doctor

# Each fuzz target for FUZZTIME.
fuzz:
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
		done; \
	done

# The hot packages, COUNT times, for benchstat: make bench > old; change; make bench > new;
# benchstat old new. BENCH chooses some.
HOT       := ./parsers ./parsers/sensor ./parsers/sip ./jails ./jails/book ./jails/tally ./jails/rates ./jails/fraud ./jails/feeds ./jails/geoip ./watcher ./watcher/wire ./configs ./cmd/jailctl
BENCH     ?= .
COUNT     ?= 6
BENCHTIME ?= 100ms
bench:
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) -count $(COUNT) $(HOT)

# The guard against slow creep: allocations and work of a line of a log. Half a minute, and no
# race detector.
creep:
	$(GO) test -count=1 -run '^TestCreep$$' -v ./cmd/jailctl

# What one thing costs among few and among many: own patterns (a line), logs (a line, write to
# judge), addresses (an event), bans, protections. A row is the curve; the last column says
# whether it grows faster than the logarithm. Bans in the kernel are in bench-kernel.
growth:
	@$(GO) test -run '^$$' -bench Growth -benchtime 100ms -count 3 ./parsers ./watcher ./jails | awk ' \
		/^BenchmarkGrowth/ { split($$1, part, "[/-]"); sub(/BenchmarkGrowth/, "", part[1]); key = part[1] " " part[2]; \
			for (i = 3; i < NF; i++) if ($$(i + 1) == "ns/each") cost = $$i; \
			if (!(key in best)) keys[++n] = key; \
			if (!(key in best) || cost < best[key]) best[key] = cost } \
		/^(FAIL|panic)/ { print; bad = 1 } \
		END { for (i = 1; i <= n; i++) { split(keys[i], part, " "); cost = best[keys[i]]; \
				if (part[1] != name) { name = part[1]; least = part[2]; from = cost; printf "%-12s", name } \
				printf " %8d: %6.0f ns", part[2], cost; \
				split(keys[i + 1], next_, " "); \
				if (next_[1] != name) printf "   %.1f times, %s\n", cost / from, (cost / from > 2 * (1 + log(part[2] / least) / log(10))) ? "WORSE" : "ok" } \
			exit bad || !n }'

# What a restart, a burst and a packet cost, in network namespaces; some 40 s.
bench-kernel: setup build
	$(BIN)/pbxlab bench

# Beside fail2ban, CrowdSec, sshguard, grep and ripgrep, in one run and in network namespaces;
# some eight minutes. PARTS=read,latency,burst,innocent chooses what.
PARTS ?= read,latency,burst,innocent
bench-peers: setup build peers
	$(BIN)/pbxlab bench-peers --parts $(PARTS)

# Debian's packages of those, unpacked and not installed: no service of theirs starts, and
# nothing outside $(BIN)/peers changes. One that cannot be had is named as missing.
PEERS := fail2ban python3-pyinotify sshguard ripgrep crowdsec crowdsec-firewall-bouncer
peers: $(BIN)/peers/versions
$(BIN)/peers/versions:
	@mkdir -p $(BIN)/peers/deb
	@apt-get update -qq || true
	@cd $(BIN)/peers/deb && for p in $(PEERS); do apt-get download -qq -o APT::Sandbox::User=root $$p || echo "$$p cannot be had"; done
	@for d in $(BIN)/peers/deb/*.deb; do [ ! -e $$d ] || { dpkg -x $$d $(BIN)/peers && dpkg-deb -W --showformat='$${Package}\t$${Version}\n' $$d; }; done > $@.new
	@mv $@.new $@

# What others do to a firewall, each twenty times under each enforcer (half an hour), and
# 300 crashes and 300 stops under load.
torture: setup-test
	PBXJAIL_KERNEL=1 PBXJAIL_FLUSHES=20 PBXJAIL_CRASHES=300 PBXJAIL_STOPS=300 $(GO) test -count=1 -timeout 60m -v -run 'Flush|Crash|TestStops' ./cmd/internal/e2e

# What the daemon does at a start, a stop, a reload, in observe and off, and with files that
# are wrong, as a table. BIN names a folder with the programs of another release.
edges: setup-test
	@PBXJAIL_KERNEL=1 $(GO) test -count=1 -timeout 20m -v -run '^TestEdges$$' ./cmd/internal/e2e | awk ' \
		/=== (RUN|NAME|CONT)/ { point = $$3 } \
		/figure: / { sub(/.*figure: /, ""); figure[point] = $$0 } \
		/^    --- / { split($$3, name, "/"); gsub("_", " ", name[2]); printf "%-36s %-5s %s\n", name[2], $$2 == "PASS:" ? "ok" : "WRONG", figure[$$3]; n++; bad = bad || $$2 != "PASS:" } \
		END { exit bad || !n }'

# Which package imports which, and how many files of a package use another one.
# TREE names another source tree, for a picture of before.
TREE ?= .
picture:
	@$(GO) run ./cmd/internal/house/picture $(TREE)

# Where the text uses words that readers with English as a second language have to look up.
words:
	@$(GO) run ./cmd/internal/house/words

# The messages of Asterisk that pbxjail reads, from the rules themselves.
catalogue:
	UPDATE_CATALOGUE=1 $(GO) test -count=1 -run Catalogue ./parsers

# How much of each package its own tests run, without root.
cover:
	@$(GO) test -cover ./... | awk '/FAIL/ { bad = 1; print } \
		$$1 != "coverage:" && /coverage:/ { for (i = 1; i <= NF; i++) if ($$i ~ /%/) print $$i, ($$1 == "ok" ? $$2 : $$1) | "sort -n" } \
		END { close("sort -n"); exit bad }'

reference: $(BIN)/jailctl
	@$(BIN)/jailctl check --reference

# .deb and .rpm for amd64, arm64 and armhf into dist; ARCHS names fewer.
packages:
	VERSION=$(PACKAGED) configs/packaging/build.sh

# make release VERSION=1.2.3: checks, tests, packages, checksums, list of modules, tag.
release:
	VERSION=$(VERSION) configs/packaging/release.sh

PREFIX ?= /usr/local
install: build
	install -D -m 0755 $(BIN)/pbxjail $(DESTDIR)$(PREFIX)/sbin/pbxjail
	install -D -m 0755 $(BIN)/jailctl $(DESTDIR)$(PREFIX)/bin/jailctl

clean:
	rm -rf $(BIN) dist
