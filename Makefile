# Everything goes into .venv; pip's output into .venv/install.log.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install
LOG := .venv/install.log
OR_SHOW := >> $(LOG) 2>&1 || { tail -n 40 $(LOG); exit 1; }

.PHONY: install demo test test-all lint notebooks infinity clients openai3 clean

install: .venv/installed

demo: .venv/demo
	$(BIN)/mmrerank demo

# Everything that is not slow; test-all is what CI runs.
test: .venv/installed
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-all: .venv/installed
	$(BIN)/python -m pytest -n 2

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_shape.py mmrerank langchain_mmrerank llama_index_mmrerank

notebooks: .venv/installed
	$(BIN)/python scripts/run_notebooks.py notebooks/*.ipynb

# Infinity's server in an environment of its own: it wants older packages than we do.
infinity: .venv/installed
	$(PYTHON) -m venv .venv-infinity
	@.venv-infinity/bin/python -m pip install "infinity-emb[server,torch,optimum]==0.0.78" "transformers<4.49" $(OR_SHOW)
	$(BIN)/python -m pytest tests/http/test_infinity_server.py

# The services' own clients against our test server; they want older packages than we do.
clients: .venv-clients/installed
	.venv-clients/bin/python -m pytest tests/testing/test_clients.py

# What uses the openai package once more with version 3, where .venv has 2.
OPENAI3_TESTS := tests/captioning tests/answers/test_openai_chat.py tests/testing/chat \
	tests/langchain/test_captions.py tests/llama_index/test_captions.py \
	tests/retrieval/test_openai_embedding.py

openai3: .venv-openai3/installed
	.venv-openai3/bin/python -m pytest -m "not slow" $(OPENAI3_TESTS)

clean:
	rm -rf .venv .venv-infinity .venv-clients .venv-openai3 build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	@$(PIP) --upgrade pip $(OR_SHOW)
	@touch $@

# The demo needs neither framework nor torch, and is there in a minute.
.venv/demo: .venv/python pyproject.toml
	@echo "Installing what the demo needs into .venv ..."
	@$(PIP) -e ".[chroma,pdf,ocr]" $(OR_SHOW)
	@touch $@

.venv-clients/installed: tests/testing/clients.txt pyproject.toml
	$(PYTHON) -m venv .venv-clients
	@echo "Installing the services' clients into .venv-clients ..."
	@.venv-clients/bin/python -m pip install -r tests/testing/clients.txt -e . \
		> .venv-clients/install.log 2>&1 || { tail -n 40 .venv-clients/install.log; exit 1; }
	@touch $@

.venv-openai3/installed: tests/testing/openai3.txt pyproject.toml
	$(PYTHON) -m venv .venv-openai3
	@echo "Installing version 3 of the openai package into .venv-openai3 ..."
	@.venv-openai3/bin/python -m pip install -r tests/testing/openai3.txt -e ".[testing]" \
		> .venv-openai3/install.log 2>&1 || { tail -n 40 .venv-openai3/install.log; exit 1; }
	@touch $@

# torch first and pinned: whatever else asks for torch is then content with it.
.venv/installed: .venv/python pyproject.toml
	@echo "Installing everything into .venv; this takes some minutes ..."
	@$(PIP) torch==2.13.0 $(OR_SHOW)
	@$(PIP) -e ".[dev]" $(OR_SHOW)
	@touch $@ .venv/demo
