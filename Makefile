# SPDX-License-Identifier: Apache-2.0
# The short way in: make demo, make test. Everything else is cmake; this file only knows in which order.
PRESET ?= cpu
BUILD = build/$(PRESET)
JOBS ?= $(shell nproc)
CORPUS ?=
CTEST_FLAGS ?=

.PHONY: help deps build test test-long demo device-bundle install clean
help:
	@echo 'make demo [CORPUS=DIR]   install what is missing, build, and train a small language model on a real corpus'
	@echo 'make test                install what is missing, build, and run all tests'
	@echo 'make test-long           fuzzers and sanitizers, for hours (FUZZ_SECONDS=N each); writes tests/LONG.md'
	@echo 'make build               build into $(BUILD); the tools are in $(BUILD)/bin'
	@echo 'make install [PREFIX=D]  install under D (default /usr/local)'
	@echo 'make device-bundle       a folder that runs, and tests and measures itself, on a bare machine with a GPU'
	@echo 'make deps                install the packages of packaging/debian-12.txt (DEPS=skip: trust the machine)'
	@echo 'make clean               remove $(BUILD)'

deps:
	@DEPS=$(DEPS) packaging/install-packages.sh

$(BUILD)/build.ninja: | deps
	cmake --preset $(PRESET)

build: deps $(BUILD)/build.ninja
	ninja -C $(BUILD) -j $(JOBS)

test: build
	ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure --no-tests=error $(CTEST_FLAGS)

test-long: deps
	JOBS=$(JOBS) tests/long.sh

demo: deps $(BUILD)/build.ninja
	ninja -C $(BUILD) -j $(JOBS) tools
	HEARTH_BIN=$(CURDIR)/$(BUILD)/bin CORPUS='$(CORPUS)' packaging/demo.sh

# The bundle is built for Hopper unless PRESET says otherwise; nvcc 13 is needed, a GPU is not.
device-bundle: PRESET = cuda-sm90
device-bundle: deps
	cmake --preset $(PRESET)
	ninja -C build/$(PRESET) -j $(JOBS) tools test_cuda gpu_ops bench_training_step
	packaging/device-bundle.sh build/$(PRESET) build/hearth-device

PREFIX ?= /usr/local
install: build
	cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	rm -rf $(BUILD)
