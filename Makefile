# What people do here. CI runs the same targets.
.PHONY: help test race lint fuzz bench chaos check build gen

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/'

build: ## the program, as ./hook
	go build -trimpath -o hook ./cmd/hook

test: ## all fast tests
	go test ./...

race: ## the same, with the race detector
	go test -race ./...

lint: ## gofmt, vet, staticcheck; golangci-lint where it is installed
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	go vet ./...
	GOOS=windows go vet ./...
	GOOS=darwin go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; fi

fuzz: ## each fuzz target for 30 s
	@for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime 30s $$p || exit 1; \
		done; \
	done

bench: ## all benchmarks
	go test -run '^$$' -bench . -benchmem ./...

chaos: ## slow and root-only tests: power cuts, full disks, kill -9, partitions
	HOOK_CHAOS=1 go test -count=1 -timeout 60m -v ./relay/... ./tunnel ./cmd

gen: ## generated files
	go generate ./...

check: lint race ## what must hold before a commit lands
	git diff --exit-code
