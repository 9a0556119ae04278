PYTHON ?= python3
DOCKER ?= docker
export HIGHWAY_PORT ?= 8000

# Everything lives in .venv, serving alone in .venv-serve, and in .venv-clients the clients of
# others that the tests ask our server with. Each environment holds a stamp named after its lock
# file's checksum, so that it is renewed when the lock changes and only then.
stamp = $(1)/installed-$(shell cksum < $(2) | tr ' ' '-')
ALL := $(call stamp,.venv,requirements/all.txt)
SERVE := $(call stamp,.venv-serve,requirements/serve.txt)
CLIENTS := $(call stamp,.venv-clients,requirements/clients.txt)

DEMO := build/demo
IMAGE := highway-networks

.PHONY: help demo serve test lint bench compatibility lock image clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(ALL) ## train on bundled data, export, verify, serve; prints how to try it
	rm -rf $(DEMO) && mkdir -p $(DEMO)
	.venv/bin/python -m models train mnist-5k --preset dense-10 --out $(DEMO)/run
	.venv/bin/python -m export onnx $(DEMO)/run $(DEMO)/model.onnx
	@$(call try)
	.venv/bin/python -m service serve $(DEMO)/model.onnx

serve: $(SERVE) ## serve the bundled digit model, from an environment without torch
	@$(call try)
	.venv-serve/bin/python -m service serve

test: $(ALL) $(CLIENTS) ## run all tests
	.venv/bin/python -m pytest

lint: $(ALL) ## check style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: $(ALL) ## load the server beside the obvious one (20 minutes, needs wrk); renews docs/serving.md
	.venv/bin/python -m benchmarks.serving
	.venv/bin/python -m docs.draw_serving

compatibility: $(ALL) ## run artifacts on the oldest and the newest onnxruntime that is claimed
	.venv/bin/python -m benchmarks.compatibility $(FILES)

# torch's local CPU build calls itself 2.13.0+cpu, which no other machine would find.
PIP_COMPILE = .venv/bin/pip-compile --quiet --upgrade --strip-extras --no-header \
	--no-emit-options --no-emit-index-url --no-emit-find-links
lock: $(ALL) ## renew the lock files from pyproject.toml and clients.in
	$(PIP_COMPILE) --extra train --extra dev --output-file requirements/all.txt pyproject.toml
	sed -i.old 's/^\(torch==[0-9.]*\)+.*/\1/' requirements/all.txt && rm requirements/all.txt.old
	$(PIP_COMPILE) --generate-hashes --constraint requirements/all.txt \
		--output-file requirements/serve.txt pyproject.toml
	$(PIP_COMPILE) --output-file requirements/clients.txt requirements/clients.in

image: ## build the container image for serving
	$(DOCKER) build --tag $(IMAGE) .

clean: ## remove what was built, the environments too
	rm -rf build .venv .venv-serve .venv-clients .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(ALL):
	$(PYTHON) -m venv --clear .venv
	.venv/bin/pip install --quiet --requirement requirements/all.txt
	@touch $@

$(SERVE):
	$(PYTHON) -m venv --clear .venv-serve
	.venv-serve/bin/pip install --quiet --require-hashes --requirement requirements/serve.txt
	@touch $@

# Little of it is ever imported: not to compile all saves half the time.
$(CLIENTS):
	$(PYTHON) -m venv --clear .venv-clients
	.venv-clients/bin/pip install --quiet --no-compile --requirement requirements/clients.txt
	@touch $@

define try
printf '%s\n' '' 'Once the server says that it is serving, ask it in another terminal, in this folder:' '' \
	"  curl -s -H 'Content-Type: application/json' -d @examples/seven.json http://127.0.0.1:$$HIGHWAY_PORT/predict" '' \
	'The answer is the label "7", its probability, and how open each highway layer was.' ''
endef
