# Every target that people call carries a "## help text"; `make` prints them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

FUZZTIME ?= 60s
FUZZ_PACKAGES = $(GO_PACKAGES)
JS_TEST := test

# testdata is invisible to ./...
GO_PACKAGES := ./... ./testdata/pictures
# What the engine consists of must hash and match alike on every processor.
ENGINE_PACKAGES := ./matcher/... ./testdata/pictures

VERSION = $(shell sed -n 's/^ *"version": "\(.*\)",*$$/\1/p' js/package.json)
GO_SOURCES = go.mod go.sum $(shell find matcher wasm -name '*.go' ! -name '*_test.go')
JS_SOURCES = js/package.json $(wildcard js/tsconfig*.json js/bench/*.ts) $(shell find js/src js/demo js/test js/scripts -type f)

ENGINE := js/dist/preseal.wasm
DECODERS := js/dist/decoders.wasm
WASM_EXEC_JS := js/dist/wasm_exec.js
PRESTART := js/scripts/prestart.mjs
JS := js/dist/index.js
NODE_MODULES := js/node_modules/.package-lock.json
PEERS := js/bench/node_modules/.package-lock.json

# $(call build-wasm,file,package): these flags keep paths, build ids and symbols
# out of the WebAssembly. It is the same, byte for byte, wherever it is built;
# `make reproducible` proves it. It is stored as it is after its start.
build-wasm = GOOS=js GOARCH=wasm go build -trimpath -buildvcs=false \
	-ldflags="-s -w -buildid= -X main.version=$(VERSION)" -o $(1) $(2) && \
	node $(PRESTART) "$$(go env GOROOT)/lib/wasm/wasm_exec.js" $(1)

# Runs a js/wasm program in Node; Go's runtime there refuses environments of
# more than a few kilobytes, so it gets PATH and nothing else.
WASM_EXEC = env -i 'PATH=$$PATH' '$$(go env GOROOT)/lib/wasm/go_js_wasm_exec'

.PHONY: help build wasm js demo test test-all lint fuzz bench bench-browser corpus size clean \
	test-go test-wasm test-v3 test-fuzz test-js reproducible chromium firefox engines encoders

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: js ## everything: Go packages, engine, npm package
	go build ./...

wasm: $(ENGINE) $(DECODERS) $(WASM_EXEC_JS) ## the engine, js/dist/preseal.wasm, and decoders.wasm

js: $(JS) ## the npm package and the demo's scripts, js/dist

demo: js ## build, then serve the demo page (stop with Ctrl-C)
	go run ./tools/preseal demo

test: chromium test-go test-wasm test-v3 test-fuzz reproducible size test-js ## all tests, with Chromium (installs it if it is missing)

test-all: JS_TEST := test:all
test-all: engines encoders test ## all tests, with Firefox and WebKitGTK as well

lint: $(NODE_MODULES) ## formatting, vet, staticcheck, Biome, tidy go.mod
	@unformatted=$$(go tool -modfile=tools.mod gofumpt -l matcher wasm tools testdata)
	if [[ -n $$unformatted ]]; then
		echo "not formatted by gofumpt:" $$unformatted >&2
		exit 1
	fi
	set -x
	go vet $(GO_PACKAGES)
	GOOS=js GOARCH=wasm go vet ./wasm/...
	go tool -modfile=tools.mod staticcheck $(GO_PACKAGES)
	# With GOOS set, go tool would build staticcheck itself for js: ask for the one just used.
	GOOS=js GOARCH=wasm "$$(go tool -modfile=tools.mod -n staticcheck)" ./wasm/...
	go mod tidy -diff
	cd js && npm run lint

fuzz: ## every fuzz target for FUZZTIME (60s) each
	@go test -list '^Fuzz' $(FUZZ_PACKAGES) | awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' |
	while read -r package name; do
		echo "go test -run='^$$' -fuzz='^$$name\$$' -fuzztime=$(FUZZTIME) $$package" >&2
		if ! found=$$(go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) "$$package" 2>&1); then
			# go test itself fails now and then when the time is up (go.dev/issue/75804): only that is let pass.
			if grep -q 'Failing input written' <<<"$$found" || ! grep -q 'context deadline exceeded' <<<"$$found"; then
				echo "$$found" >&2
				exit 1
			fi
		fi
		tail -n 1 <<<"$$found"
	done

bench: $(ENGINE) ## speed under wasm, sizes of filters, deltas and the engine
	GOOS=js GOARCH=wasm go run -exec="$(WASM_EXEC)" ./tools/preseal bench speed
	go run ./tools/preseal bench size
	$(MAKE) size

bench-browser: $(JS) $(PEERS) chromium engines encoders ## checks beside createImageBitmap, on photographs if there is a corpus
	node js/dist/bench/main.js $(BENCH)

corpus: ## photographs for `preseal bench recall` and bench-browser, 365 MB of Debian packages
	go run ./tools/internal/corpus/fetch corpus

size: $(ENGINE) $(DECODERS) ## the engine's size, compressed; fails above the budget
	node js/scripts/size.mjs

clean: ## remove what was built and installed below js/
	rm -rf js/dist js/node_modules js/bench/files js/bench/node_modules

# Parts of the above.

$(ENGINE): $(GO_SOURCES) $(PRESTART) js/package.json
	mkdir -p $(@D)
	$(call build-wasm,$@,./wasm)

$(DECODERS): $(GO_SOURCES) $(PRESTART) js/package.json
	mkdir -p $(@D)
	$(call build-wasm,$@,./wasm/decoders)

# What starts the engine comes with the compiler, so it is renewed with it.
$(WASM_EXEC_JS): $(ENGINE)
	cp "$$(go env GOROOT)/lib/wasm/wasm_exec.js" $@
	touch $@

$(NODE_MODULES): js/package.json js/package-lock.json
	cd js && npm ci --no-audit --no-fund
	touch node_modules/.package-lock.json

# What the bench compares with. Their install scripts are of no use here.
$(PEERS): js/bench/package.json js/bench/package-lock.json
	cd js/bench && npm ci --no-audit --no-fund --ignore-scripts
	touch node_modules/.package-lock.json

# The page trusts the engine by its hash, which is compiled in: engine first.
$(JS): $(ENGINE) $(DECODERS) $(WASM_EXEC_JS) $(NODE_MODULES) $(JS_SOURCES)
	cd js && npm run build
	touch dist/index.js

test-go:
	go vet $(GO_PACKAGES)
	GOOS=js GOARCH=wasm go vet ./wasm/...
	go test $(GO_PACKAGES)

test-wasm:
	GOOS=js GOARCH=wasm go test -exec="$(WASM_EXEC)" $(ENGINE_PACKAGES)

# With GOAMD64=v3 the compiler fuses multiply and add, as it does on arm64.
test-v3:
	@for flag in avx2 bmi1 bmi2 f16c fma abm movbe; do
		if ! grep -qsw "$$flag" /proc/cpuinfo; then
			echo "skipped: the tests with GOAMD64=v3, this processor lacks $$flag"
			exit 0
		fi
	done
	set -x
	GOAMD64=v3 go test ./matcher/media ./matcher/phash ./testdata/pictures

# What reads downloads and answers: for a moment here, for long with `make fuzz`.
test-fuzz: FUZZTIME := 10s
test-fuzz: FUZZ_PACKAGES := ./matcher/snapshot ./matcher/confirm/...
test-fuzz: fuzz

test-js: $(JS)
	cd js && npm run $(JS_TEST)

# Builds the WebAssembly again from a copy of the tree elsewhere, with an empty
# build cache, and compares.
reproducible: $(ENGINE) $(DECODERS)
	@elsewhere=$$(mktemp -d)
	trap 'rm -rf "$$elsewhere"' EXIT
	mkdir -p "$$elsewhere/$(dir $(PRESTART))"
	cp $(PRESTART) "$$elsewhere/$(PRESTART)"
	cp -R go.mod go.sum matcher wasm "$$elsewhere"
	set -x
	(cd "$$elsewhere" && export GOCACHE=$$elsewhere/cache && $(call build-wasm,engine,./wasm) && $(call build-wasm,decoders,./wasm/decoders))
	cmp $(ENGINE) "$$elsewhere/engine"
	cmp $(DECODERS) "$$elsewhere/decoders"
	sha256sum $(ENGINE) $(DECODERS)

# $(call install,command:package …) installs the packages whose command is missing.
define install
missing=
for pair in $(1); do
	command -v "$${pair%%:*}" >/dev/null || missing+=" $${pair##*:}"
done
if [[ -n $$missing ]]; then
	options="-y -o DPkg::Lock::Timeout=300"
	install="apt-get $$options update && apt-get $$options install --no-install-recommends$$missing"
	if (( EUID != 0 )); then
		echo "the tests need$$missing; install with: sudo sh -c '$$install'" >&2
		exit 1
	fi
	DEBIAN_FRONTEND=noninteractive sh -xc "$$install"
fi
endef

chromium:
	@$(call install,chromium:chromium)

firefox:
	@$(call install,firefox-esr:firefox-esr)

encoders:
	@$(call install,cjpeg:libjpeg-turbo-progs cwebp:webp avifenc:libavif-bin)

engines:
	@$(call install,firefox-esr:firefox-esr WebKitWebDriver:webkit2gtk-driver xvfb-run:xvfb xauth:xauth)
