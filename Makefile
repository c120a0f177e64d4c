# Bartizan. `make` lists the targets.

GO       ?= go
TOOL     := $(GO) tool -modfile=.tools/go.mod
BIN      := .bartizan/bin/bartizan
POLICIES ?= policies

# The demo is to be seen within two minutes on a machine that has compiled nothing yet: the largest packages are not optimized for it, and
# the compiler collects no garbage below 2 GiB.
LARGE    := github.com/openai/openai-go/v3 github.com/anthropics/anthropic-sdk-go github.com/nats-io/nats-server github.com/envoyproxy
QUICK    := -ldflags=-w $(foreach module,$(LARGE),-gcflags='$(module)/...=-N -l -dwarf=false')

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the binary into .bartizan/bin
	@mkdir -p $(dir $(BIN))
	$(GO) build -o $(BIN) .

.PHONY: demo
demo: ## Real requests through real Envoy, judged and recorded, with fake vendors; under two minutes
	@mkdir -p $(dir $(BIN))
	GOGC=off GOMEMLIMIT=2GiB $(GO) build $(QUICK) -o $(dir $(BIN)) . ./test/demo
	$(dir $(BIN))demo -bartizan $(BIN)

.PHONY: up
up: build ## Run the gateway on this machine, with a starter policy repository in ./policies
	@test -e $(POLICIES) || $(BIN) init $(POLICIES)
	$(BIN) up --policies $(POLICIES)

.PHONY: test
test: ## All tests: unit with the race detector, golden transcripts, end to end through real Envoy
	$(GO) test -race $$($(GO) list ./... | grep -v /test/)
	$(GO) test -count=1 $$($(GO) list ./test/...)
	$(GO) -C test/chart test -count=1 ./...

.PHONY: test-agents
test-agents: ## Claude Code (on Bedrock too), Codex and Gemini CLI, headless, with their models and tools behind the gateway (needs npm, Linux x86-64)
	$(GO) run ./test/agents

.PHONY: test-conformance
test-conformance: ## The official MCP conformance suites of both revisions through the gate (needs npm)
	$(GO) run ./test/conformance -write test/conformance/FAILING.md

.PHONY: test-kubernetes
test-kubernetes: ## The Helm chart on a real Kubernetes node on this machine, as root; builds the node once, in some ten minutes
	@mkdir -p $(dir $(BIN))
	$(GO) build -o $(dir $(BIN))kubernetes ./test/kubernetes
	$(dir $(BIN))kubernetes $(KUBERNETES)

.PHONY: bench
bench: build ## Bare Envoy, a no-op processor and Bartizan under the same load; rewrites test/load/RESULTS.md
	$(GO) run ./test/load -bartizan $(BIN) -write test/load/RESULTS.md

.PHONY: bench-llm
bench-llm: build ## The same for long conversations and streams; rewrites test/load/RESULTS-llm.md
	$(GO) run ./test/load -bartizan $(BIN) -only conversation,unseen,session,events -write test/load/RESULTS-llm.md

.PHONY: bench-mcp
bench-mcp: build ## The same for MCP alone: a tools/call, and a list of 1,000 tools; rewrites test/load/RESULTS-mcp.md
	$(GO) run ./test/load -bartizan $(BIN) -only call,list -write test/load/RESULTS-mcp.md

.PHONY: fuzz
fuzz: ## Every fuzz target for 20 seconds
	@for pkg in $$(grep -rl --include=*_test.go '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$pkg/*_test.go | cut -c6-); do \
			echo "$$pkg $$target"; $(GO) test $$pkg -run '^$$' -fuzz "^$$target$$" -fuzztime 20s || exit 1; \
		done; done

.PHONY: lint
lint: ## gofumpt and golangci-lint, pinned in .tools/go.mod
	$(TOOL) golangci-lint run ./...
	$(GO) -C test/chart tool -modfile=../../.tools/go.mod golangci-lint run ./...

.PHONY: fmt
fmt: ## Format the code
	$(TOOL) gofumpt -w $$(git ls-files '*.go' | grep -v '\.pb\.go$$')

.PHONY: vuln
vuln: ## Known vulnerabilities in what we use (needs the Go vulnerability database)
	@out=$$($(TOOL) govulncheck ./... 2>&1); status=$$?; echo "$$out"; \
	if [ $$status -ne 0 ] && echo "$$out" | grep -qiE 'dial|lookup|no such host|timeout|fetching vulnerabilities'; then \
		echo 'govulncheck: the vulnerability database cannot be reached from here, so nothing was checked' >&2; exit 3; fi; exit $$status

.PHONY: generate
generate: ## Write generated code anew (protobuf)
	$(GO) -C .tools run ./protogen .. xds/bundlepb/bundle.proto

.PHONY: tidy-check
tidy-check: generate ## Generated code and module files are as they would be written
	$(GO) mod tidy -diff
	$(GO) -C test/chart mod tidy -diff
	@git diff --exit-code -- '*.pb.go' go.mod go.sum
