# The commands that people and CI use. `make` lists them.
GO ?= go
export CGO_ENABLED = 0
SOAK ?= 30m
REPORT ?=
STORMS ?= 10000

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

build: ## the static binary in bin/
	$(GO) build -trimpath -ldflags '-s -w' -o bin/drover ./cmd/drover

test: ## all tests
	$(GO) test ./...

race: ## all tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race ./...

e2e: ## end-to-end tests with real processes
	$(GO) test -count=1 -tags e2e -timeout 15m ./e2e/...

soak: ## 10,000 random fault worlds, then half an hour of random kills, pauses and cuts over two cells; STORMS=100 SOAK=2m is a try, REPORT=file keeps the report
	$(GO) run ./cmd/drover bench chaos --seeds $(STORMS)
	DROVER_SOAK_FOR=$(SOAK) DROVER_SOAK_REPORT=$(abspath $(REPORT)) $(GO) test -count=1 -tags e2e -timeout 0 -v -run '^TestSoak$$' ./e2e

strikes: ## kills at every fail-point, many rounds
	DROVER_SOAK=1 $(GO) test -count=1 -tags e2e -timeout 60m -v -run 'NothingLost' ./e2e/...

model: ## explore the protocol's model deeper than the tests do (about an hour)
	DROVER_SOAK=1 $(GO) test -count=1 -timeout 6h -v -run 'EveryInterleaving|RandomHistories' ./internal/chaos

storms: ## random fault worlds, and the planted mistakes; STORMS=100 is a try
	$(GO) run ./cmd/drover bench chaos --seeds $(STORMS)
	$(GO) test -count=1 -v -run 'StormsMeetPlantedBugs' ./internal/chaos

modules: ## rebuild the WebAssembly programs from their sources
	internal/demo/modules/build.sh
	examples/build.sh

lint: ## vet, staticcheck, gofumpt
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...
	@out=$$($(GO) run mvdan.cc/gofumpt@v0.9.2 -l .); test -z "$$out" || { echo "not formatted:"; echo "$$out"; exit 1; }

.PHONY: help build test race e2e soak strikes model storms modules lint
