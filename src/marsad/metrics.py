"""``metrics.json``: everything that was measured of a model, in a closed and typed form.

``docs/metrics.schema.json`` describes it to other tools (JSON Schema 2020-12); a test holds the two
together.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from marsad.benchmarks.benchmark import Unit
from marsad.closed import close_schema, parse_closed
from marsad.errors import ModelError
from marsad.files import atomic_write
from marsad.model_folder import ModelFolder
from marsad.scoring import Scores
from marsad.scoring.examples import Examples
from marsad.scoring.reliability import Trust
from marsad.scoring.slices import Slice

# Of each document that has any, of each name: how many were right, annotated and claimed.
Counted = Mapping[str, Mapping[str, tuple[int, int, int]]]


@dataclass(frozen=True)
class Evaluation:
    """The scores of one system on one benchmark, and what must be equal to compare them.

    ``unit`` is what a document of the data is. ``read_with`` is the model file, or the file of
    predictions; ``model`` the digest of the former.
    ``documents`` are the ids that ``counts`` are of. ``defects`` counts what was wrong in the data.
    ``examples``, by task and name, quote the data; they are there if they were asked for.
    """

    data: str
    data_sha256: str
    unit: Unit
    ruler: str
    scheme: str
    scorer: int
    read_with: str
    model: str | None
    overall: float
    never_predicted: tuple[str, ...]
    scores: Scores
    slices: Mapping[str, Mapping[str, Slice]]
    trust: Mapping[str, Trust]
    defects: Mapping[str, int]
    documents: tuple[str, ...]
    counts: Mapping[str, Counted]
    examples: Mapping[str, Mapping[str, Examples]] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingReport:
    """What a training took: the wall clock, and what each of its processes computed meanwhile."""

    steps: int
    seconds: float
    cpu_seconds: float
    processes: int
    processor: str


@dataclass(frozen=True)
class Choice:
    """How a model was chosen among others by its dev score.

    ``seeds`` are the scores of the runs that it is the best of, by seed; where ``mean`` is there,
    those of the runs whose weights it is the mean of, and its own score. ``searched`` says whether
    a search chose values of its configuration.
    """

    seeds: Mapping[str, float] = field(default_factory=dict)
    mean: float | None = None
    searched: bool = False


@dataclass(frozen=True)
class FileReport:
    """What a model file does on the dev split, under thresholds of its own.

    ``entities`` is strict micro F1, ``events`` macro F1, None where the model does not read them;
    ``overall`` the figure that training selects by. ``flips`` is the share, of the mentions and
    events that this file or the checkpoint reports under the checkpoint's thresholds, that only one
    of them does. ``words_per_second`` is of the machine that exported; ``size`` in bytes.
    """

    size: int
    overall: float
    entities: float | None
    events: float | None
    flips: float
    words_per_second: float


@dataclass(frozen=True)
class ExportReport:
    """What an export measured of its files.

    ``max_difference`` is the largest of any logit, fp32 against the checkpoint on random windows;
    ``int8_kept`` the number of matrix products of the encoder that stayed in fp32.
    """

    opset: int
    versions: Mapping[str, str]
    max_difference: float
    checkpoint: FileReport
    onnx: FileReport
    int8: FileReport | None = None
    int8_kept: int | None = None
    fp16: FileReport | None = None


@dataclass(frozen=True)
class Spread:
    """A figure over training runs: mean and standard deviation (of a sample)."""

    mean: float
    sd: float


@dataclass(frozen=True)
class SeedReport:
    """Figures of runs that differ in their seed alone, each read with the same kind of file."""

    data: str
    data_sha256: str
    scheme: str
    scorer: int
    read_with: str
    seeds: tuple[int, ...]
    figures: Mapping[str, Spread]


@dataclass(frozen=True)
class Change:
    """A figure before and after a text is rewritten, over ``support`` annotated decisions.

    ``flips`` is the share of ``judged`` ones on which the system's verdict changed.
    """

    before: float
    after: float
    support: int
    flips: float
    judged: int


@dataclass(frozen=True)
class StressResult:
    """What rewriting the same sentences does; a part is None where nothing is annotated.

    Of the rewritten sentences: ``entities`` is strict micro F1, flips of annotated mentions found
    or not; ``changed`` the recall of those mentions whose own letters changed; ``events`` micro F1
    of types with their realis, flips of sentences whose events changed. ``group`` is whom the names
    that were put in stand for.
    """

    about: str
    kind: str
    group: str | None
    sentences: int
    entities: Change | None
    changed: Change | None
    events: Change | None


@dataclass(frozen=True)
class StressReport:
    """The results of the stress suite on one file of documents, by the name of the stress."""

    data: str
    data_sha256: str
    scheme: str
    scorer: int
    read_with: str
    model: str
    results: Mapping[str, StressResult]


@dataclass(frozen=True)
class Metrics:
    """The record of a model. Evaluations and the like are found by the data that they are of."""

    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    training: TrainingReport | None = None
    choice: Choice = field(default_factory=Choice)
    export: ExportReport | None = None
    seeds: Mapping[str, SeedReport] = field(default_factory=dict)
    stress: Mapping[str, StressReport] = field(default_factory=dict)

    def with_evaluation(self, evaluation: Evaluation) -> "Metrics":
        """Return the record with an evaluation, in place of an earlier one on that data."""
        return replace(self, evaluations={**self.evaluations, evaluation.data: evaluation})


@cache
def _adapter() -> TypeAdapter[Metrics]:
    return TypeAdapter(Metrics)


def metrics_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``metrics.json``."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    own: dict[str, Any] = close_schema(_adapter().json_schema())
    return {"$schema": dialect, **own, "title": "metrics.json"}


def read_metrics(folder: ModelFolder) -> Metrics:
    """Return what ``metrics.json`` holds, or an empty record where it does not exist yet.

    Raises:
        ModelError: the file is damaged, or of another version of marsad.
    """
    path = folder["metrics"]
    if not path.exists():
        return Metrics()
    try:
        return parse_closed(_adapter(), path.read_bytes())
    except ValueError as error:
        raise ModelError(
            f"{path}: not a record of this marsad (at {str(error)!r}); delete it, evaluate again"
        ) from None


def write_metrics(metrics: Metrics, folder: ModelFolder) -> None:
    """Write ``metrics.json`` and renew the checksums."""
    text = json.dumps(_adapter().dump_python(metrics, mode="json"), ensure_ascii=False, indent=1)
    with atomic_write(folder["metrics"]) as out:
        out.write(_NUMBERS.sub(lambda match: re.sub(r"\s+", " ", match.group()), text) + "\n")
    folder.write_checksums()


_NUMBERS = re.compile(r"\[\s*-?\d[^\[\]{}\"]*\]")  # a list of numbers goes on one line
