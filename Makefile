# Two commands do everything: `make run` and `make test`.

PYTHON ?= python3
BIN    := .venv/bin
CONFIG := configs/joint.yaml
MODEL  := runs/joint
ARTICLE := data/articles/daraa.txt

# What `make bench` reads: files or folders of texts, .jsonl or .parquet; better your own articles.
ARTICLES ?= data/articles/daraa.txt data/corpus/test.jsonl data/corpus/test_place.jsonl

# What a trained model depends on; the rest of the library may change without training anew.
TRAINED_BY := $(wildcard src/marsad/text/*.py src/marsad/encoders/*.py src/marsad/scoring/*.py src/marsad/benchmarks/*.py) \
	$(addprefix src/marsad/, labels.yaml adversary.py arguments.py averaging.py calibrating.py calibration.py checkpoints.py config.py \
	corpus.py crf.py decisions.py document.py evaluation.py failures.py frequencies.py heads.py jobs.py label_sets.py labels.py lora.py losses.py \
	mixture.py model_folder.py modeling.py objective.py optimization.py reader.py sampling.py sections.py spans.py systems.py targets.py \
	tasks.py tensors.py thresholds.py torch_backend.py trainer.py training.py workers.py)

# What its ONNX files depend on besides.
EXPORTED_BY := $(addprefix src/marsad/, examining.py export.py graphs.py onnx_backend.py quantization.py runtime.py smoothing.py tracing.py)

# What its figures depend on besides.
MEASURED_BY := $(wildcard src/marsad/scoring/*.py src/marsad/benchmarks/*.py) $(addprefix src/marsad/, \
	confidence.py disagreements.py evaluation.py metrics.py report.py report.html.jinja report_plots.py systems.py)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-slow stress small small-ner small-events fuzz bench bench-train load-test screenshots browser reference format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(MODEL)/README.md $(MODEL)/daraa.jsonl  ## train, evaluate, export, and read the Daraa article
	@$(BIN)/marsad predict $(ARTICLE) --model $(MODEL) --format table
	@echo "model and card: $(MODEL)/   record: $(MODEL)/daraa.jsonl   page: $(MODEL)/daraa.html"
	@echo "report: $(MODEL)/test.html"

test: .venv/dev.stamp browser  ## ruff, mypy and pytest; no network
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --dist loadfile

test-slow: .venv/dev.stamp  ## the tests that take more than a few seconds each
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --dist loadfile -m slow

stress: $(MODEL)/metrics.stamp  ## the test sentences rewritten in 45 ways, with a report; takes minutes
	$(BIN)/marsad evaluate $(MODEL) data/corpus/test.jsonl --stress --report $(MODEL)/stress.html
	$(BIN)/python train/write_card.py $(MODEL)

# The released models, from the public corpora in the folder that MARSAD_CORPORA names.
OURS := data/corpus/test_place.jsonl data/articles/daraa.jsonl
VOTES := public:assault-test public:protest-test
small: RUN := configs/joint-best.yaml
small: DATA := $(OURS) public:wojood $(VOTES)
small: SPREAD := data/corpus/test.jsonl data/corpus/test_place.jsonl public:wojood $(VOTES)
small-ner: RUN := configs/ner.yaml 'data.mixture=[{corpus: public:wojood, share: 0.5}]'
small-ner: DATA := $(OURS) public:wojood
small-events: RUN := configs/events.yaml 'data.mixture=[{corpus: public:event_gsr, share: 0.3}]'
small-events: DATA := $(OURS) $(VOTES)

small: .venv/run.stamp  ## models/marsad-small anew, of three runs; hours, needs the public corpora
small-ner: .venv/run.stamp  ## models/marsad-small-ner, which reads entities alone; likewise
small-events: .venv/run.stamp  ## models/marsad-small-events, which reads events alone; likewise
small small-ner small-events:
	$(BIN)/marsad train $(RUN) name=marsad-$@ output=runs/marsad-$@
	$(BIN)/marsad export runs/marsad-$@
	$(BIN)/marsad evaluate runs/marsad-$@ data/corpus/test.jsonl --examples --stress
	set -e; for data in $(DATA); do $(BIN)/marsad evaluate runs/marsad-$@ $$data; done
	set -e; for data in $(SPREAD); do $(BIN)/marsad seeds $$data runs/marsad-$@; done
	rm -rf runs/marsad-$@/release
	$(BIN)/marsad card release runs/marsad-$@ runs/marsad-$@/release
	rm -rf models/marsad-$@ && mv runs/marsad-$@/release models/marsad-$@

fuzz: .venv/dev.stamp  ## read 100,000 generated and mutated texts; takes a good half hour
	$(BIN)/python -m tests.fuzz --texts 100000

bench: $(MODEL)/model.int8.onnx  ## reading speed against two pipelines of transformers, on ARTICLES; minutes, alone on the machine
	$(BIN)/marsad bench $(MODEL) $(ARTICLES) --output $(MODEL)/bench.json

bench-train: .venv/run.stamp  ## training speed against transformers' own recipe; takes an hour on two cores
	$(BIN)/python train/bench_training.py

load-test: $(MODEL)/model.int8.onnx .venv/dev.stamp  ## 32 clients at a server of the model for 90 seconds, and SIGTERM in the middle
	$(BIN)/python -m tests.load $(MODEL)

screenshots: $(MODEL)/model.int8.onnx .venv/dev.stamp  ## pictures of the server's page over the model, into docs/
	MARSAD_SCREENSHOTS=docs MARSAD_SCREENSHOTS_MODEL=$(MODEL) $(BIN)/pytest -q tests/serving/test_page.py -k wider

reference: .venv/dev.stamp  ## docs/reference.md from the code
	$(BIN)/python -c 'from marsad.cli.reference import reference; print(reference(), end="")' > docs/reference.md

# Chromium for the tests of the server's page: Debian's, where it is missing and may be installed.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium fonts-noto-core >/dev/null; } \
	  || echo 'no Chromium here: the tests of the page are left out (apt-get install chromium)'

format: .venv/dev.stamp  ## let ruff mend and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the environment and the runs
	rm -rf .venv runs

# torch goes first and pinned: a bare `torch` would pull several GB of CUDA.
.venv/torch.stamp: constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	@touch $@

.venv/run.stamp: .venv/torch.stamp pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,builtin,report]'
	@touch $@

.venv/dev.stamp: .venv/torch.stamp pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,builtin,dev]'
	@touch $@ .venv/run.stamp

$(MODEL)/model.safetensors: $(CONFIG) data/corpus/train.jsonl data/corpus/dev.jsonl $(TRAINED_BY) | .venv/run.stamp
	$(BIN)/python train/fit_model.py $(CONFIG)

$(MODEL)/model.int8.onnx: $(MODEL)/model.safetensors $(EXPORTED_BY)
	$(BIN)/python train/export_model.py $(MODEL)

$(MODEL)/metrics.stamp: $(MODEL)/model.int8.onnx $(MEASURED_BY) data/corpus/test.jsonl data/corpus/test_place.jsonl data/articles/daraa.jsonl
	$(BIN)/python train/evaluate_model.py $(MODEL) data/corpus/test.jsonl --examples --report $(MODEL)/test.html
	$(BIN)/python train/evaluate_model.py $(MODEL) data/corpus/test_place.jsonl --report $(MODEL)/test_place.html
	$(BIN)/python train/evaluate_model.py $(MODEL) data/articles/daraa.jsonl
	@touch $@

$(MODEL)/README.md: $(MODEL)/metrics.stamp $(addprefix src/marsad/, annex.md.jinja card.md.jinja card.py card_tables.py card_writing.py choosing.py)
	$(BIN)/python train/write_card.py $(MODEL)

$(MODEL)/daraa.jsonl: $(MODEL)/model.int8.onnx $(ARTICLE) src/marsad/page.py src/marsad/page.html
	$(BIN)/marsad predict $(ARTICLE) --model $(MODEL) --output $@ --output $(MODEL)/daraa.html
