"""Export: a checkpoint as ONNX, fp32 and int8, each let through only when it behaves.

fp32 must give the checkpoint's logits; int8 must keep the dev score. A file that fails is not
left behind.
"""

import contextlib
import io
import logging
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from marsad.benchmarks import Benchmark, open_benchmark
from marsad.calibrating import fit_on
from marsad.calibration import Calibration, read_calibrations, write_calibration
from marsad.config import RunConfig, load_config
from marsad.errors import ExportError
from marsad.files import atomic_path
from marsad.metrics import ExportReport, read_metrics, write_metrics
from marsad.model_folder import ModelFolder, ModelSettings, read_settings
from marsad.modeling import MarsadModel, load_model
from marsad.quantization import quantize, rank_by_error
from marsad.reader import WORD_HEADS, Backend, Floats, Reader, Watch
from marsad.runtime import OnnxBackend, read_tokenizer
from marsad.scoring import score
from marsad.sections import ExportConfig
from marsad.text.batches import Batch, make_batch
from marsad.text.windows import SpecialIds
from marsad.torch_backend import TorchBackend

log = logging.getLogger(__name__)

OPSET = 20

# How many matrix products may stay in fp32: the first number that passes the gate is taken.
KEPT = (4, 8, 16)
SAMPLE = 8  # batches that choose them


def export(folder: ModelFolder, *, int8: bool | None = None, watch: Watch = iter) -> ExportReport:
    """Write ``model.onnx`` and, unless the run says otherwise, ``model.int8.onnx``.

    Raises:
        ExportError: a file fails its gate; the message says by how much.
        ModelError: the folder has no checkpoint.
        DataError: the dev split that the gate needs cannot be read.
    """
    settings = read_settings(folder)
    run = load_config(folder.require("run", "export a folder that `marsad train` wrote"))
    model = load_model(folder, settings)
    dev = open_benchmark(run.data.dev, source=run.data.corpora)
    reader = Reader(read_tokenizer(folder["tokenizer"]), settings, TorchBackend(model))
    _, reference = fit_and_score(reader, run, dev, watch=watch)
    difference = _export_fp32(model, settings, folder, run.export)
    folder.write_checksums()
    report = ExportReport(OPSET, difference, reference, folder["onnx"].stat().st_size)
    if run.export.int8 if int8 is None else int8:
        int8_score, kept = _export_int8(reader, folder, dev, reference, run, watch)
        size = folder["onnx_int8"].stat().st_size
        report = replace(report, int8_score=int8_score, int8_bytes=size, int8_kept=kept)
    write_metrics(replace(read_metrics(folder), export=report), folder)
    return report


def fit_and_score(
    reader: Reader, run: RunConfig, dev: Benchmark, *, watch: Watch = iter
) -> tuple[Calibration, float]:
    """Fit a model file's own calibration on dev; return it and the dev score under it.

    Thresholds that were fitted to another file's scores would count against this one.
    """
    judgements = list(reader.under(dev.ruler.tag_reading()).judge(watch(dev.documents)))
    calibration = fit_on(dev, judgements, run)
    decided = [judgement.decide(calibration) for judgement in judgements]
    scores = score(
        dev.documents,
        decided,
        entities=run.task != "events" and bool(dev.ruler.entities),
        events=run.task != "ner" and bool(dev.ruler.events),
        ruler=dev.ruler,
    )
    return calibration, scores.overall


def _export_fp32(
    model: MarsadModel, settings: ModelSettings, folder: ModelFolder, limits: ExportConfig
) -> float:
    with atomic_path(folder["onnx"]) as temporary:
        write_onnx(model, temporary)
        difference = max_difference(TorchBackend(model), OnnxBackend(temporary), settings)
        if not difference <= limits.max_difference:
            raise ExportError(
                f"{folder['onnx']}: logits differ from the checkpoint by {difference:.2g}, "
                f"more than export.max_difference={limits.max_difference:g}; nothing was written"
            )
    return difference


def write_onnx(model: MarsadModel, path: Path) -> None:
    """Trace all heads into one graph with free batch size, length and number of sentences."""
    example = make_batch([[1] * 16, [1] * 12], [[(1, 8), (8, 15)]] * 2, SpecialIds(1, 1, 1))
    tensors = tuple(torch.from_numpy(array) for array in example)
    with torch.inference_mode():
        heads = tuple(model.eval()(*tensors))
    rows, length, sentences = (torch.export.Dim(n) for n in ("rows", "length", "sentences"))
    axes = ({0: rows, 1: length}, {0: rows, 1: length}, {0: rows, 1: sentences, 2: length})
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Ordered(model, heads).eval(),
            tensors,
            input_names=list(Batch._fields),
            output_names=list(heads),
            dynamic_shapes=axes,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
        )
    assert program is not None
    program.save(path, external_data=False)


class _Ordered(torch.nn.Module):
    """The model with its logits as a tuple, which is what the exporter names outputs by."""

    def __init__(self, model: MarsadModel, heads: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.heads = heads

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, sentence_mask: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        logits = self.model(input_ids, attention_mask, sentence_mask)
        return tuple(logits[head] for head in self.heads)


def max_difference(reference: TorchBackend, other: OnnxBackend, settings: ModelSettings) -> float:
    """Return the largest difference of any logit over batches of three shapes, without padding."""
    random = np.random.default_rng(0)
    vocabulary = reference.model.encoder.config.vocab_size
    largest = 0.0
    for rows, length in ((1, 4), (4, 33), (2, settings.max_tokens)):
        sizes = [length, *[length // 2] * (rows - 1)]
        ids = [random.integers(0, vocabulary, size) for size in sizes]
        batch = make_batch(ids, [[(0, 2), (2, size)] for size in sizes], settings.special)
        one, two = reference(batch), other(batch)
        for head, logits in one.items():
            gap = np.abs(logits - two[head])
            gap = gap[batch.attention_mask == 1] if head in WORD_HEADS else gap
            largest = max(largest, float(gap.max()))
    return largest


class Recorder:
    """A backend that remembers the batches it was given."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.batch_tokens = backend.batch_tokens
        self.batches: list[Batch] = []

    def __call__(self, batch: Batch) -> Mapping[str, Floats]:
        """Pass the batch on."""
        self.batches.append(batch)
        return self.backend(batch)


def _replace_calibration(calibration: Calibration, folder: ModelFolder) -> None:
    """Write the calibration of a new int8 file; say so where it replaces one fitted elsewhere."""
    before = read_calibrations(folder).get("onnx_int8", calibration)
    if before.fitted_on != calibration.fitted_on:
        log.warning(
            "int8 was calibrated on %s and is new, so now on %s; run marsad calibrate %s %s again",
            before.fitted_on, calibration.fitted_on, folder.path, before.fitted_on,
        )  # fmt: skip
    write_calibration(calibration, folder, "onnx_int8")


def _export_int8(
    reader: Reader,
    folder: ModelFolder,
    dev: Benchmark,
    reference: float,
    run: RunConfig,
    watch: Watch,
) -> tuple[float, int]:
    """Write the smallest file that keeps the dev score; return the score and the products kept."""
    recorder = Recorder(OnnxBackend(folder["onnx"]))
    for _ in reader.over(recorder).pipe(dev.documents[:SAMPLE]):
        pass
    worst = rank_by_error(folder["onnx"], recorder.batches[:SAMPLE])
    scores: dict[int, float] = {}
    for kept in KEPT:
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "model.onnx"
            quantize(folder["onnx"], file, keep=worst[:kept])
            own = reader.over(OnnxBackend(file))
            calibration, scores[kept] = fit_and_score(own, run, dev, watch=watch)
            if reference - scores[kept] <= run.export.max_loss:
                with atomic_path(folder["onnx_int8"]) as temporary:
                    shutil.copyfile(file, temporary)
                _replace_calibration(calibration, folder)
                return scores[kept], kept
            log.warning("int8 with %d products in fp32: dev score %.4f", kept, scores[kept])
    best = max(scores.values())
    raise ExportError(
        f"{folder['onnx_int8']}: dev score falls from {reference:.4f} to {best:.4f}, by "
        f"{reference - best:.4f}, more than export.max_loss={run.export.max_loss:g}; "
        "int8 was not written"
    )
