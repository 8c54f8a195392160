"""Is a card true? Every figure in it is computed again from the model and the data that it names.

The files must be those of the checksums, the record must be of these files, labels and data, models
must score again what the record says, and the card must be what the record makes.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from marsad.benchmarks import Benchmark, open_benchmark
from marsad.card_checking import check_card
from marsad.errors import DataError, MarsadError, ModelError
from marsad.evaluation import evaluate
from marsad.metrics import Evaluation, Metrics, read_metrics
from marsad.model_folder import ModelFolder, read_settings
from marsad.reader import Watch
from marsad.runtime import load
from marsad.scoring.tables import Table
from marsad.sections import PREFIX
from marsad.signing import check_signature
from marsad.systems import ask_reader

_ROUNDING = 1e-6  # two orders of adding the same numbers
_NOTHING = (0, 0, 0)  # right, annotated, claimed
_ANNOTATED = {"support", "documents", "sentences", "data_sha256", "scheme", "scorer", "ruler"}

_OF_FOUND = {"scores.events.realis.support"}  # types that were found, whoever reads them


@dataclass(frozen=True)
class Check:
    """What was looked at, and what is wrong with it; nothing where it is as it should be.

    ``skipped`` says that it could not be looked at, for the reason in ``problem``; ``again`` that
    it is about figures that are computed again.
    """

    about: str
    problem: str = ""
    skipped: bool = False
    again: bool = False


def verify(
    folder: ModelFolder,
    *,
    sample: int | None = None,
    seed: int = 13,
    source: Path | None = None,
    tolerance: float = 0.0,
    public_key: Path | None = None,
    watch: Watch = iter,
) -> Iterator[Check]:
    """Yield what was checked of a model folder with a card.

    Args:
        folder: the model's.
        sample: read so many documents of each benchmark again, drawn by ``seed``, and compare what
            was right, annotated and claimed in each; None: read all, and compare every figure.
        seed: of the draw.
        source: where the public corpora are; without it figures on them are skipped.
        tolerance: by how much a figure, or of a sample the share of answers, may be off; another
            kind of processor rounds otherwise.
        public_key: of whoever is to have signed the folder; without it a signature is skipped.
        watch: passes documents on, and may show how far they are.
    """
    yield _tried("files", partial(_verify_files, folder))
    if public_key:
        yield _tried("signature", partial(check_signature, folder, public_key))
    elif (folder.path / ModelFolder.SIGNATURE).exists():
        yield Check("signature", "is there; --public-key says whose it must be", skipped=True)
    yield _tried("labels", lambda: read_settings(folder))
    try:
        metrics = read_metrics(folder)
        if not metrics.evaluations:
            raise ModelError(f"{folder.path}: holds no figures; run: marsad evaluate")
    except MarsadError as error:
        yield Check("record", str(error))
        return
    yield Check("record")
    for name, own in metrics.evaluations.items():
        yield _check(folder, metrics, name, own, sample, seed, source, tolerance, watch)
    for part in ("training", "seeds", "stress", "export"):
        if getattr(metrics, part):
            yield Check(part, "is not computed again; its own command does that", skipped=True)
    yield _check_card(folder)


def _verify_files(folder: ModelFolder) -> None:
    folder.require("config", "take it anew")
    if not (sums := folder.path / ModelFolder.CHECKSUMS).exists():
        raise ModelError(f"{sums}: no such file; take the folder anew, or write the card again")
    folder.verify()


def _tried(about: str, work: Any) -> Check:  # noqa: ANN401
    try:
        work()
    except ModelError as error:
        return Check(about, str(error))
    return Check(about)


def _check(
    folder: ModelFolder,
    metrics: Metrics,
    name: str,
    own: Evaluation,
    sample: int | None,
    seed: int,
    source: Path | None,
    tolerance: float,
    watch: Watch,
) -> Check:
    """Compute an evaluation again."""
    try:
        benchmark = open_benchmark(name, source=source)
    except DataError as error:
        gone = name.startswith(PREFIX) or not Path(name).exists()
        return Check(name, str(error), skipped=gone, again=True)
    try:
        drawn = benchmark if sample is None else _draw(benchmark, sample, seed)
        again = _again(folder, own, drawn, watch)
    except MarsadError as error:
        return Check(name, str(error), again=True)
    about = f"{name}, {len(drawn.documents)} of {len(benchmark.documents)} {benchmark.unit}"
    if sample is not None or tolerance:
        about += "; not its trust, mistakes and parts"
    problem = _misstated(name, own, again, benchmark) or _inconsistent(own)
    if not problem and sample is None:
        problem = _differing_figures(asdict(own), asdict(again), tolerance)
    if not problem and (sample is not None or tolerance):
        problem = _differing_documents(own, again, tolerance)
    return Check(about, problem, again=True)


def _misstated(name: str, own: Evaluation, again: Evaluation, benchmark: Benchmark) -> str:
    """Name the first thing that is not as the record says: of data, model and way of scoring."""
    if again.data_sha256 != own.data_sha256:
        return "the data are other than those that were scored"
    if again.model != own.model:
        return f"the figures are of another {own.read_with}"
    ids = tuple(document.id for document in benchmark.documents)
    whole = replace(again, data=name, documents=ids)
    for key in ("data", "unit", "ruler", "scheme", "scorer", "defects", "documents"):
        if getattr(own, key) != getattr(whole, key):
            return f"{key} is not what the record says"
    if own.scores.documents != len(ids):
        return f"scores.documents is {len(ids)}, not {own.scores.documents}"
    return ""


def _inconsistent(own: Evaluation) -> str:
    """Name the first figure of record that does not follow from the counts of record."""
    for kind, table in own.scores.tables.items():
        names = list(table.per_name)
        counts = [_counted(own.counts[kind].get(id_, {}), names) for id_ in own.documents]
        made = Table.of(np.array(counts, dtype=np.float64), names)
        if problem := _differing_figures(asdict(table), asdict(made), 0.0):
            return f"{kind}: {problem}, by its own counts"
    if _far(own.overall, own.scores.overall, _ROUNDING):
        return f"overall is {own.scores.overall!r}, not {own.overall!r}, by its own tables"
    if list(own.never_predicted) != own.scores.never_predicted:
        return "never_predicted is not what its own tables say"
    return ""


def _counted(counts: Mapping[str, Sequence[int]], names: Sequence[str]) -> list[list[int]]:
    """Return what was found, annotated, right and claimed of each name."""
    own = [counts.get(name, _NOTHING) for name in names]
    return [[right, annotated, right, claimed] for right, annotated, claimed in own]


def _draw(benchmark: Benchmark, sample: int, seed: int) -> Benchmark:
    documents = list(benchmark.documents)
    some = random.Random(seed).sample(documents, min(sample, len(documents)))
    return replace(benchmark, documents=some)


def _again(folder: ModelFolder, own: Evaluation, benchmark: Benchmark, watch: Watch) -> Evaluation:
    roles = {name: role for role, name in ModelFolder.FILES.items()}
    if own.read_with not in roles:
        raise ModelError(f"read with {own.read_with!r}, which is no file of a model")
    reader = load(folder.path, file=roles[own.read_with])
    answers = ask_reader(reader, benchmark.documents, ruler=benchmark.ruler, watch=watch)
    return evaluate(answers, benchmark, examples=bool(own.examples))


def _differing_figures(theirs: Mapping[str, Any], ours: Mapping[str, Any], tolerance: float) -> str:
    """Name the first figure that differs by more than may be.

    With a tolerance only figures of all of the data are compared, and what must be the same whoever
    reads: how much was annotated, and of what, in all and in each part.
    """
    mine, other = (dict(_leaves(side)) for side in (theirs, ours))
    if tolerance:
        mine, other = ({k: v for k, v in own.items() if _lasting(k, v)} for own in (mine, other))
    elif mine.keys() != other.keys():
        return f"other figures: {', '.join(sorted(mine.keys() ^ other.keys())[:3])}"
    most = max(tolerance, _ROUNDING)
    wrong = [key for key in mine if key in other and _far(mine[key], other[key], most)]
    if not wrong:
        return ""
    first = wrong[0]
    return f"{first} is {other[first]!r}, not {mine[first]!r} ({len(wrong)} figures differ)"


def _lasting(key: str, value: object) -> bool:
    """Say whether a value is a share, or does not depend on what a model answers."""
    part, name = key.partition(".")[0], key.rpartition(".")[2]
    if part == "slices" or ".per_name." in key:  # small ones move far; how many there are does not
        return name in _ANNOTATED
    if part in ("counts", "never_predicted", "trust", "examples") or key in _OF_FOUND:
        return False
    return isinstance(value, float) or name in _ANNOTATED


def _far(one: object, other: object, most: float) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)):
        return abs(one - other) > most
    return one != other


def _leaves(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    """Yield the single values of nested ones, by their path."""
    if isinstance(value, Mapping):
        for key, own in value.items():
            yield from _leaves(own, f"{at}.{key}" if at else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, own in enumerate(value):
            yield from _leaves(own, f"{at}.{number}")
    else:
        yield at, value


def _differing_documents(own: Evaluation, again: Evaluation, tolerance: float) -> str:
    """Say how many answers in the documents are right or wrong otherwise, if too many are.

    How much is annotated must be the same, whoever reads.
    """
    wrong: dict[str, int] = {}
    answers = 0
    for kind, id_ in product(again.counts, again.documents):
        theirs, ours = (side.counts[kind].get(id_, {}) for side in (own, again))
        for name in {*theirs, *ours}:
            (right, annotated, claimed), now = theirs.get(name, _NOTHING), ours.get(name, _NOTHING)
            if annotated != now[1]:
                return f"{id_}: {annotated} of {name} are annotated by the record, {now[1]} in it"
            answers += annotated + claimed
            if off := abs(right - now[0]) + abs(claimed - now[2]):
                wrong[id_] = wrong.get(id_, 0) + off
    if sum(wrong.values()) <= tolerance * answers:
        return ""
    return (
        f"{len(wrong)} documents are read otherwise than the record says, {next(iter(wrong))} first"
        f" ({sum(wrong.values())} of {answers} answers)"
    )


def _check_card(folder: ModelFolder) -> Check:
    try:
        gone = check_card(folder)
    except MarsadError as error:
        return Check("card", str(error))
    return Check("card, but for what it says of " + ", ".join(gone) if gone else "card")
