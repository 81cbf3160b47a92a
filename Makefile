# Everything here also works by hand: see CONTRIBUTING.md.
GOLANGCI  = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
WORKFLOWCHECK = go.temporal.io/sdk/contrib/tools/workflowcheck@v0.6.0
RACE = ./plans/... ./workflows/... ./activities/... ./worker/control/... ./testenv/...

.PHONY: build test race bench lint workflowcheck check

build: ## the one binary
	go build -trimpath -ldflags='-s -w' -o lifeboat ./cmd/lifeboat

test: ## what the README promises
	go test -timeout 40m ./...

race: ## where goroutines meet
	go test -race -short $(RACE)

bench: ## ratios, measured side by side in one run
	go test -run '^$$' -bench . -benchtime 2s ./activities/winrm/... ./plans/... ./testenv/...

lint:
	go run $(GOLANGCI) run ./...

workflowcheck: ## workflow code stays deterministic
	go run $(WORKFLOWCHECK) ./workflows/...

check: lint workflowcheck test race
