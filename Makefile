# Everything here also works by hand: see CONTRIBUTING.md.
GOLANGCI  = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
WORKFLOWCHECK = go.temporal.io/sdk/contrib/tools/workflowcheck@v0.6.0
RACE = ./workflows/... ./activities/... ./worker/control/... ./testenv/...

.PHONY: build test race bench bench-watch chaos lint workflowcheck check

build: ## the one binary
	go build -trimpath -ldflags='-s -w' -o lifeboat ./cmd/lifeboat

test: ## what the README promises
	go test -timeout 40m ./...

race: ## where goroutines meet
	go test -race -short $(RACE)

# CHAOS_TIME is for each of the two levels; CHAOS_SEED plays one story of each.
CHAOS_TIME ?= 10m
CHAOS_SEED ?=
CHAOS_STEPS ?=
chaos: ## random worlds, operations, faults and kills: docs/reliability.md
	CHAOS_TIME=$(CHAOS_TIME) CHAOS_SEED=$(CHAOS_SEED) go test ./workflows -count=1 -run 'TestChaos$$' -timeout 24h -v
	CHAOS_TIME=$(CHAOS_TIME) CHAOS_SEED=$(CHAOS_SEED) CHAOS_STEPS=$(CHAOS_STEPS) go test ./testenv/e2e -count=1 -run 'TestChaos$$' -parallel 4 -timeout 24h -v

bench: ## ratios, measured side by side in one run
	go test -run '^$$' -bench . -benchtime 2s ./activities/winrm/... ./plans/... ./testenv/...

# bench-watch wants a quiet machine: the simulated hosts take as much as the engine.
BENCH_HOSTS ?= 500
BENCH_VMS ?= 10000
BENCH_MINUTES ?= 5
bench-watch: ## replication schedules at 30 s, many hosts: docs/scale.md
	BENCH_HOSTS=$(BENCH_HOSTS) BENCH_VMS=$(BENCH_VMS) BENCH_MINUTES=$(BENCH_MINUTES) go test ./testenv/e2e -count=1 -run 'TestScale$$' -timeout 2h -v

lint:
	go run $(GOLANGCI) run ./...

workflowcheck: ## workflow code stays deterministic
	go run $(WORKFLOWCHECK) ./workflows/...

check: lint workflowcheck test race
