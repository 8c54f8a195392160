"""Export: a checkpoint as ONNX, fp32, int8 and fp16, each let through only when it behaves.

fp32 must say what the checkpoint says; the others must keep its scores on the dev split and change
few of its answers. A file that fails is not left behind, nor an older one in its place.
"""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from marsad.benchmarks import Benchmark, open_benchmark
from marsad.calibration import Calibration, read_calibrations, write_calibration
from marsad.config import RunConfig, load_config, with_values
from marsad.errors import ExportError
from marsad.examining import Examination, examine
from marsad.files import atomic_path
from marsad.jobs import Floats
from marsad.metrics import ExportReport, read_metrics, write_metrics
from marsad.model_folder import ModelFolder, read_settings
from marsad.modeling import load_model
from marsad.onnx_backend import OnnxBackend
from marsad.quantization import halve, quantize, rank_by_error
from marsad.reader import Backend, Reader, Watch
from marsad.runtime import read_tokenizer
from marsad.sections import ExportConfig
from marsad.smoothing import smooth
from marsad.text.batches import Batch
from marsad.torch_backend import TorchBackend
from marsad.tracing import max_difference, write_onnx

log = logging.getLogger(__name__)

# How many matrix products may stay in fp32 where none may not: the first that passes is taken.
KEPT = (4, 8, 16)
SAMPLE = 8  # windows of dev that show how far activations reach
PLAIN = "plain.onnx"  # the fp32 graph, that the others are made of
ROUNDING = 1e-3  # the share of answers that the order of fp32 sums may change


def export(
    folder: ModelFolder,
    *,
    int8: bool | None = None,
    fp16: bool | None = None,
    opset: int | None = None,
    watch: Watch = iter,
) -> ExportReport:
    """Write ``model.onnx`` and, as asked or else as the run says, int8 and fp16 files.

    Raises:
        ConfigError: no such opset is written.
        ExportError: a file fails its gate; the message says by how much.
        ModelError: the folder has no checkpoint.
        DataError: the dev split that the gate needs cannot be read.
    """
    run = load_config(folder.require("run", "export a folder that `marsad train` wrote"))
    asked = {"export.int8": int8, "export.fp16": fp16, "export.opset": opset}
    run = with_values(run, {key: value for key, value in asked.items() if value is not None})
    dev = open_benchmark(run.data.dev, source=run.data.corpora)
    exporter = _Exporter(folder, run, dev, watch)
    _forget(folder)
    with tempfile.TemporaryDirectory() as scratch:
        report = exporter.fp32(Path(scratch))
        _record(report, folder)
        if run.export.int8:
            report = exporter.int8(Path(scratch), report)
            _record(report, folder)
        if run.export.fp16:
            report = exporter.fp16(Path(scratch), report)
            _record(report, folder)
    return report


def _forget(folder: ModelFolder) -> None:
    """Remove the files of an export, and what was measured with them, for they will be others."""
    folder["card"].unlink(missing_ok=True)
    metrics = read_metrics(folder)
    for role in ("onnx", "onnx_int8", "onnx_fp16"):
        name = folder[role].name
        folder[role].unlink(missing_ok=True)
        metrics = replace(
            metrics,
            evaluations={k: e for k, e in metrics.evaluations.items() if e.read_with != name},
            stress={k: s for k, s in metrics.stress.items() if s.read_with != name},
        )
    write_metrics(replace(metrics, export=None), folder)


def _record(report: ExportReport, folder: ModelFolder) -> None:
    """Write down which files there are, with their checksums: the next may fail or be stopped."""
    write_metrics(replace(read_metrics(folder), export=report), folder)


class _Exporter:
    """The checkpoint of a folder, what it does on dev, and files made of it."""

    def __init__(self, folder: ModelFolder, run: RunConfig, dev: Benchmark, watch: Watch) -> None:
        self.folder, self.run, self.dev, self.watch = folder, run, dev, watch
        self.settings = read_settings(folder)
        self.model = load_model(folder, self.settings)
        tokenizer = read_tokenizer(folder["tokenizer"])
        self.reader = Reader(tokenizer, self.settings, TorchBackend(self.model))
        self.checkpoint = self._examine(self.reader.backend)

    def fp32(self, scratch: Path) -> ExportReport:
        """Write the fp32 file, if it says what the checkpoint says."""
        path, file, options = self.folder["onnx"], scratch / PLAIN, self.run.export
        write_onnx(self.model, file, opset=options.opset)
        backend = OnnxBackend(file)
        difference = max_difference(TorchBackend(self.model), backend, self.settings)
        if not difference <= options.max_difference:
            raise ExportError(
                f"{path}: logits differ from the checkpoint by {difference:.2g}, more than "
                f"export.max_difference={options.max_difference:g}; nothing was written"
            )
        found = self._examine(backend)
        flips = found.flips(self.checkpoint)
        if flips > ROUNDING:
            raise ExportError(
                f"{path}: {flips:.2%} of what is reported on {self.dev.data} differs from the "
                "checkpoint's answers; nothing was written, report this as a fault of marsad"
            )
        _install(file, path)
        return ExportReport(
            opset=options.opset,
            versions={name: version(name) for name in ("torch", "onnx", "onnxruntime")},
            max_difference=difference,
            checkpoint=self.checkpoint.report(self.folder["weights"], self.checkpoint),
            onnx=found.report(path, self.checkpoint),
        )

    def int8(self, scratch: Path, report: ExportReport) -> ExportReport:
        """Write the smallest int8 file that keeps what the checkpoint does."""
        path, tried = self.folder["onnx_int8"], []
        for kept, file in self._candidates(scratch):
            found = self._examine(OnnxBackend(file))
            broken = broken_limits(found, self.checkpoint, self.run.export)
            if not broken:
                _install(file, path)
                _replace_calibration(found.calibration, self.folder)
                own = found.report(path, self.checkpoint)
                return replace(report, int8=own, int8_kept=kept)
            log.warning("int8 with %d products in fp32: %s", kept, "; ".join(broken))
            tried.append(broken)
        least = min(tried, key=len)
        raise ExportError(f"{path}: {'; '.join(least)}; int8 was not written")

    def fp16(self, scratch: Path, report: ExportReport) -> ExportReport:
        """Write the fp16 file, if it keeps what the checkpoint does."""
        path, file = self.folder["onnx_fp16"], scratch / "fp16.onnx"
        halve(scratch / PLAIN, file)
        found = self._examine(OnnxBackend(file))
        broken = broken_limits(found, self.checkpoint, self.run.export)
        if broken:
            raise ExportError(f"{path}: {'; '.join(broken)}; fp16 was not written")
        _install(file, path)
        write_calibration(found.calibration, self.folder, "onnx_fp16")
        return replace(report, fp16=found.report(path, self.checkpoint))

    def _candidates(self, scratch: Path) -> Iterator[tuple[int, Path]]:
        """Yield int8 files with more and more products in fp32, and how many there are."""
        plain, smoothed, file = (scratch / name for name in (PLAIN, "smoothed.onnx", "int8.onnx"))
        recorder = Recorder(OnnxBackend(plain))
        for _ in self.reader.over(recorder).pipe(self.dev.documents[:SAMPLE]):
            pass
        batches = recorder.batches[:SAMPLE]
        few = smooth(plain, smoothed, batches)
        quantize(smoothed, file, keep=few)
        yield 0, file
        worst = [name for name in rank_by_error(smoothed, batches) if name not in few]
        for kept in KEPT:
            quantize(smoothed, file, keep=[*few, *worst[:kept]])
            yield kept, file

    def _examine(self, backend: Backend) -> Examination:
        return examine(self.reader.over(backend), self.run, self.dev, watch=self.watch)


def broken_limits(found: Examination, checkpoint: Examination, limits: ExportConfig) -> list[str]:
    """Say which of the limits a file breaks: one clause each, none if it may pass."""
    broken = []
    for name, key in (("entities", "max_entity_loss"), ("events", "max_event_loss")):
        before, after = getattr(checkpoint, name), getattr(found, name)
        limit = getattr(limits, key)
        if before is not None and not before - after <= limit:
            broken.append(
                f"F1 of {name} on dev falls from {before:.4f} to {after:.4f}, by "
                f"{before - after:.4f}, more than export.{key}={limit:g}"
            )
    flips = found.flips(checkpoint)
    if not flips <= limits.max_flips:
        broken.append(
            f"{flips:.1%} of answers change, more than export.max_flips={limits.max_flips:g}"
        )
    return broken


class Recorder:
    """A backend that remembers the batches it was given."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.batch_tokens = backend.batch_tokens
        self.workers = 1
        self.batches: list[Batch] = []

    def __call__(self, batch: Batch) -> Mapping[str, Floats]:
        """Pass the batch on."""
        self.batches.append(batch)
        return self.backend(batch)


def _install(file: Path, path: Path) -> None:
    with atomic_path(path) as temporary:
        shutil.copyfile(file, temporary)


def _replace_calibration(calibration: Calibration, folder: ModelFolder) -> None:
    """Write the calibration of a new int8 file; say so where it replaces one fitted elsewhere."""
    before = read_calibrations(folder).get("onnx_int8", calibration)
    if (before.fitted_on, before.abstain) != (calibration.fitted_on, calibration.abstain):
        log.warning(
            "int8 is new, so what it was calibrated by (%s) is gone; run marsad calibrate %s again "
            "as you did",
            before.fitted_on, folder.path,
        )  # fmt: skip
    write_calibration(calibration, folder, "onnx_int8")
