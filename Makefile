# Everything needs only Go, git and make. The tools are "tool" lines of
# go.mod, so the Go command fetches them itself.

GO        ?= go
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# What the program and the archives say of where they come from: the tag (or
# devel), with -dirty where a file differs from the commit, the commit, and its
# time. A tree without .git, such as a tarball, can be told them:
# make dist VERSION=v1.2.3 COMMIT=... DATE=2026-11-26T17:57:00Z
ifneq ($(wildcard .git),)
VERSION = $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null || echo devel)$(shell [ -z "$$(git status --porcelain 2>/dev/null)" ] || echo -dirty)
COMMIT  = $(shell git rev-parse HEAD)
DATE    = $(shell TZ=UTC git show -s --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd HEAD)
else
VERSION = devel
endif

LDFLAGS = -s -w -X main.linkedVersion=$(VERSION) -X main.linkedCommit=$(COMMIT) -X main.linkedDate=$(DATE)

# The race detector needs cgo, which needs a C compiler.
RACE := $(shell command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo -race)

# What is compiled for the archives serves all else that needs no race detector:
# with these, vet, staticcheck, and tests find it in the cache of the Go command.
OWN_GOFLAGS := $(shell $(GO) env GOFLAGS)
PLAIN       := CGO_ENABLED=0 GOFLAGS='$(strip $(OWN_GOFLAGS) -trimpath)'

# Packages in which nothing runs beside anything else, neither in the code nor in
# the tests, so that there is nothing for the race detector to find. TestMakeTest
# holds both lists to the sources.
SEQUENTIAL := diff internal/dist manifest/durable manifest/gitrepo/githook manifest/packed manifest/secrets remote/assettype

# Tests that skip themselves under the race detector, and their packages.
UNRACED    := TestBackKilled TestConformanceEmbedded TestCutShortLink TestCutShortText TestFaults TestFindsQuirks TestGithubSummaryLimit TestHostilePatterns TestHostileRemote TestHugeAnswers TestIgnoreAgreesWithGit TestListingOfManyBytes TestLongestText TestManyElementsAreTaken TestParseConfigAliasBomb TestParseConfigErrors TestPolicyProbe TestPolicyPush TestPullCutShort TestScanBoundsMultiplyingLinks TestSimRepeats TestSortOfManyNames TestTeamRewritten
UNRACED_IN := cmd/assetsync manifest remote remote/emulator remote/probe sync

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/assetsync
	$(GO) build -trimpath -buildvcs=false -ldflags='$(LDFLAGS)' -o bin/assetsync ./cmd/assetsync

.PHONY: build-all
build-all: ## bin/assetsync-OS-ARCH for Linux, macOS, Windows on amd64, arm64
	@set -e; for p in $(PLATFORMS); do \
	  os=$${p%/*}; arch=$${p#*/}; ext=; [ $$os = windows ] && ext=.exe; \
	  echo "build $$p"; \
	  CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch GOAMD64=v1 GOARM64=v8.0 $(GO) build -trimpath -buildvcs=false -ldflags='$(LDFLAGS)' -o bin/assetsync-$$os-$$arch$$ext ./cmd/assetsync; \
	done

# Two builds of one commit by one Go give the same bytes: see internal/dist.
.PHONY: dist
dist: build-all ## dist/: an archive for each platform, and SHA256SUMS
	@[ ! -e .git ] || [ -n "$(COMMIT)" ] || { echo "make dist: git does not say which commit this is" >&2; exit 1; }
	$(PLAIN) $(GO) run ./internal/dist -version '$(VERSION)' -time '$(DATE)' -bin bin -out dist $(PLATFORMS)
	@cat dist/SHA256SUMS

.PHONY: dist-check
dist-check: ## make dist of HEAD twice, in two clones, and compare the bytes
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	for clone in one other/place; do \
	  git clone -q . "$$dir/$$clone"; \
	  $(MAKE) --no-print-directory -C "$$dir/$$clone" dist PLATFORMS='$(PLATFORMS)'; \
	done; \
	cmp "$$dir/one/dist/SHA256SUMS" "$$dir/other/place/dist/SHA256SUMS"; \
	echo "dist-check: both have the same bytes"

# A directory in memory for temporary files, where there is one with room and
# programs may run in it: tests write and sync many small files. It is removed
# at the end.
define IN_MEMORY
if memory=$$(mktemp -d /dev/shm/t.XXXXXX 2>/dev/null); then chmod 1777 "$$memory"; \
  trap 'rm -rf "$$memory"' EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; \
  printf '#!/bin/sh\n' >"$$memory/run" && chmod +x "$$memory/run"; \
  if "$$memory/run" 2>/dev/null && [ "$$(df -Pk "$$memory" | awk 'END {print $$4}')" -gt 4000000 ]; then export TMPDIR="$$memory"; fi; \
fi
endef

# Vet is left to make check. Some tests wait for the clock, so one package more
# than there are cores runs at a time. Results are not kept (-count=1): for that the
# Go command notes down each file that a test opens, and hashes it afterwards, which
# takes gigabytes and minutes for tests that open a hundred thousand. Memory that is collected later is less
# work, for the race detector above all.
TEST = $(GO) test -json -vet=off -count=1 -timeout 18m -p $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

# Packages with which the race detector takes longer than a landing may: their tests
# are processes, or die at every step. make test-race has them.
LONG := cmd/assetsync sync

# Tests of sync, one of those, in which goroutines of one run share memory.
CONCURRENT := TestTogether TestTogetherFails TestTogetherSlipIn

# The parts of make test, for a shell's double quotes. They write the lines of
# JSON that gotestsum counts.
NOTHING          :=
NO_RACE          = $(LONG:%=assetsync/%) $(SEQUENTIAL:%=assetsync/%)
TEST_RACED       = CGO_ENABLED=1 GOFLAGS='$(OWN_GOFLAGS)' $(TEST) -race $(filter-out $(NO_RACE),$(shell $(GO) list ./...))
TEST_CONCURRENT  = CGO_ENABLED=1 GOFLAGS='$(OWN_GOFLAGS)' $(TEST) -race -run '^($(subst $(NOTHING) $(NOTHING),|,$(CONCURRENT)))\$$' ./sync
TEST_UNRACED     = $(PLAIN) $(TEST) -run '^($(subst $(NOTHING) $(NOTHING),|,$(UNRACED)))\$$' $(patsubst %,./%,$(filter-out $(LONG),$(UNRACED_IN)))
TEST_SEQUENTIAL  = $(PLAIN) $(TEST) $(SEQUENTIAL:%=./%)
TEST_LONG        = $(PLAIN) $(TEST) $(LONG:%=./%)
TEST_ALL_UNRACED = $(PLAIN) $(TEST) ./...

# They run beside the race detector, and are told once that is through.
TEST_WITH_RACE = beside=\$$(mktemp); $(TEST_LONG) >\$$beside & long=\$$!; \
  $(TEST_RACED) || failed=1; $(TEST_CONCURRENT) || failed=1; $(TEST_UNRACED) || failed=1; $(TEST_SEQUENTIAL) || failed=1; \
  wait \$$long || failed=1; cat \$$beside; rm -f \$$beside

.PHONY: test
test: ## all tests, most of them with the race detector when there is a C compiler
	@if [ -n "$(RACE)" ]; then echo "race detector: on, but for $(LONG) (make test-race)"; else echo "race detector: off (no C compiler found)"; fi
	@$(IN_MEMORY); export GOGC=$${GOGC:-200}; \
	$(PLAIN) $(GO) tool gotestsum --format pkgname-and-test-fails --raw-command -- sh -c "failed=0; \
	  $(if $(RACE),$(TEST_WITH_RACE),$(TEST_ALL_UNRACED) || failed=1); \
	  exit \$$failed"

.PHONY: test-race
test-race: ## the others with the race detector, which takes half an hour
	@$(IN_MEMORY); export GOGC=$${GOGC:-200}; \
	CGO_ENABLED=1 GOFLAGS='$(OWN_GOFLAGS)' $(GO) test -race -vet=off -count=1 -timeout 60m $(LONG:%=./%)

.PHONY: check
check: ## gofmt, vet for three systems, staticcheck, go mod tidy, imports
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "gofmt wants to change:"; echo "$$out"; exit 1; }
	$(PLAIN) $(GO) vet ./...
	$(PLAIN) GOOS=darwin $(GO) vet ./...
	$(PLAIN) GOOS=windows $(GO) vet ./...
	$(PLAIN) $(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	$(PLAIN) $(GO) test -vet=off -run '^TestImports$$' ./cmd/assetsync

# The stories run in memory, two at a time on two cores; docs/guarantees.md says
# what they are held against.
SEEDS ?= 20000

.PHONY: sim
sim: ## simulate machines, pipelines and the web app with faults: SEEDS (20000)
	@cd sync && GOGC=400 $(PLAIN) $(GO) test -vet=off -count=1 -timeout 120m -run '^TestSim$$' -args -seeds $(SEEDS)

.PHONY: sim-mutants
sim-mutants: ## break the engine in each known way, and want the simulation to find it
	@cd sync && GOGC=400 $(GO) test -count=1 -timeout 60m -v -run '^TestSimMutants$$' . -args -mutants

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (default 30s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),30s) $$pkg; \
	  done; \
	done

# What these measure, docs/performance.md says. BENCH_FLAGS makes the cases
# smaller: make bench BENCH_ROUNDS=1 BENCH_FLAGS='-speed.team=5 -speed.fleet=10
# -speed.beside=1000' takes a minute.
BENCH_ROUNDS ?= 7
BENCH_CASES  ?= team,fleet,beside
BENCH_FLAGS  ?=
BENCH_SPEED   = $(GO) test -v -count=1 -timeout 120m -run '^(TestSpeed|TestGrowth)$$' ./cmd/assetsync -args -speed.program=$(CURDIR)/bin/assetsync -speed.rounds=$(BENCH_ROUNDS)

.PHONY: bench
bench: build ## the program beside git, rsync, rclone and others: BENCH_ROUNDS, BENCH_CASES (Linux, 30 minutes)
	@$(BENCH_SPEED) -speed.bench -speed.cases=$(BENCH_CASES) \
	  -watch.saves=$(BENCH_SAVES) -watch.idle=$(BENCH_IDLE) $(BENCH_FLAGS)

.PHONY: bench-growth
bench-growth: build ## time and memory at 1, 10, 100, and 1,000 targets: BENCH_ROUNDS, BENCH_SIZES (Linux)
	@$(BENCH_SPEED) -growth.bench -growth.sizes=$(or $(BENCH_SIZES),1,10,100,1000)

.PHONY: bench-parts
bench-parts: ## benchmarks of the packages, for benchstat: BENCH_COUNT (6)
	$(GO) test -run '^$$' -bench . -benchmem -count $(or $(BENCH_COUNT),6) ./...

# What "make bench-watch" measures, docs/performance.md says.
BENCH_SAVES ?= 40
BENCH_IDLE  ?= 60s

.PHONY: bench-watch
bench-watch: build ## how long after a save the version is there, and what the daemon costs: BENCH_SAVES, BENCH_IDLE (Linux, 12 minutes)
	@$(GO) test -v -count=1 -timeout 60m -run '^TestWatchSpeed$$' ./cmd/assetsync -args -watch.bench -watch.program=$(CURDIR)/bin/assetsync \
	  -watch.saves=$(BENCH_SAVES) -watch.idle=$(BENCH_IDLE)

# How often each verb is killed, and the seed that repeats what was sampled.
KILLS ?= 40
SEED  ?= 0

.PHONY: torture
torture: build ## kill push, pull and watch at sampled points, spoil their disk: KILLS, SEED
	@$(GO) test -v -count=1 -timeout 60m -run '^TestTorture' ./cmd/assetsync -args -torture.program=$(CURDIR)/bin/assetsync \
	  -torture.kills=$(KILLS) -torture.seed=$(SEED)

# The binary that is installed; one that was built elsewhere is taken as it is.
BINARY ?= bin/assetsync

.PHONY: install
install: $(if $(filter bin/assetsync,$(BINARY)),build) ## the program and its systemd units below PREFIX (/usr/local, or ~/.local when not root); starts nothing
	@BINARY='$(BINARY)' DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' sh systemd/install.sh install

.PHONY: uninstall
uninstall: ## remove what install made; configs and .assetsync stay
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' sh systemd/install.sh uninstall

.PHONY: clean
clean: ## remove what the targets made
	rm -rf bin dist
