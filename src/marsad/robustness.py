"""Robustness: the same sentences rewritten, and what that does to a model's figures."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from marsad.benchmarks import Benchmark
from marsad.document import Document
from marsad.labels import scheme
from marsad.metrics import Change, StressReport, StressResult
from marsad.reader import Reader, Watch
from marsad.scoring import SCORER_VERSION, own_ruler
from marsad.scoring.entities import paired
from marsad.scoring.events import end_to_end_counts
from marsad.scoring.matching import entity_counts
from marsad.scoring.uncertainty import Counts, micro_f1
from marsad.stress import STRESSES, Perturbed, Stress
from marsad.tasks import Task

SEED = 0


class _Version(NamedTuple):
    """The sentences that are rewritten, in one version: as annotated, and as read."""

    gold: Sequence[Document]
    own: Sequence[Document]


def report_stress(reader: Reader, benchmark: Benchmark, *, watch: Watch = iter) -> StressReport:
    """Measure a model under the stress suite; see :func:`stress_model`."""
    task = reader.settings.task
    return StressReport(
        data=benchmark.data,
        data_sha256=benchmark.digest,
        scheme=scheme().digest,
        scorer=SCORER_VERSION,
        read_with=reader.source,
        model=reader.stamp.digest,
        results=stress_model(reader, benchmark.documents, task=task, watch=watch),
    )


def stress_model(
    reader: Reader,
    documents: Sequence[Document],
    *,
    task: Task = "joint",
    watch: Watch = iter,
) -> dict[str, StressResult]:
    """Measure a model under every stress that finds something to rewrite.

    Args:
        reader: a model of ours.
        documents: annotated documents, their ids all different.
        task: what the model reads.
        watch: passes documents on, and may show how far they are.
    """
    before = {d.id: own for d, own in zip(documents, reader.pipe(watch(documents)), strict=True)}
    results = {}
    for name, stress in STRESSES.items():
        rewritten = list(_rewrite(stress, documents))
        if rewritten:
            after = list(reader.pipe([p.document for p in rewritten]))
            said = [before[p.source.id] for p in rewritten]
            results[name] = _result(stress, rewritten, said, after, task=task)
    return results


def _rewrite(stress: Stress, documents: Sequence[Document]) -> Iterator[Perturbed]:
    for document in documents:
        rng = random.Random(f"{SEED} {stress.name} {document.id}")
        if perturbed := stress.perturb(document, rng):
            yield perturbed


def _result(
    stress: Stress,
    rewritten: Sequence[Perturbed],
    before: Sequence[Document],
    after: Sequence[Document],
    *,
    task: Task,
) -> StressResult:
    """Compare what was said of the sentences that were rewritten, before and after."""
    old = _Version(
        [_touched(p, p.source) for p in rewritten],
        [_touched(p, own) for p, own in zip(rewritten, before, strict=True)],
    )
    new = _Version(
        [_touched(p, p.document) for p in rewritten],
        [_touched(p, own) for p, own in zip(rewritten, after, strict=True)],
    )
    return StressResult(
        about=stress.about,
        kind=stress.kind,
        group=rewritten[0].group,
        sentences=sum(len(p.touched) for p in rewritten),
        entities=_entity_change(old, new) if task != "events" else None,
        changed=_changed_mentions(rewritten, before, after) if task != "events" else None,
        events=_event_change(old, new) if task != "ner" else None,
    )


def _touched(perturbed: Perturbed, version: Document) -> Document:
    """Return a version of the document with what lies in its rewritten sentences alone."""
    sentences = tuple(version.sentences[i] for i in perturbed.touched)
    entities = tuple(e for s in sentences for e in version.entities_in(s))
    return replace(version, sentences=sentences, entities=entities)


def _entity_change(before: _Version, after: _Version) -> Change | None:
    names = own_ruler().entities
    counts = [entity_counts(paired(*version), names, "strict") for version in (before, after)]
    was, now = (
        np.array([found for pair in zip(*version, strict=True) for found in _found(*pair)])
        for version in (before, after)
    )
    return _change(counts, was != now)


def _found(gold: Document, own: Document) -> list[bool]:
    claims = {(e.start, e.end, e.label) for e in own.entities}
    return [(e.start, e.end, e.label) in claims for e in gold.entities]


def _changed_mentions(
    rewritten: Sequence[Perturbed], before: Sequence[Document], after: Sequence[Document]
) -> Change | None:
    """Return the recall of mentions that were themselves rewritten."""
    verdicts = np.array(
        [
            (was, now)
            for p, old, new in zip(rewritten, before, after, strict=True)
            for a, b, was, now in zip(
                p.source.entities,
                p.document.entities,
                _found(p.source, old),
                _found(p.document, new),
                strict=True,
            )
            if p.source.mention(a) != p.document.mention(b)
        ]
    )
    if not len(verdicts):
        return None
    was, now = verdicts.mean(axis=0).tolist()
    flips = float((verdicts[:, 0] != verdicts[:, 1]).mean())
    return Change(was, now, len(verdicts), flips, len(verdicts))


def _event_change(before: _Version, after: _Version) -> Change | None:
    names = own_ruler().events
    counts = [end_to_end_counts(*version, names) for version in (before, after)]
    flips = [
        {(e.type, e.realis) for e in a.events} != {(e.type, e.realis) for e in b.events}
        for one, other in zip(before.own, after.own, strict=True)
        for a, b in zip(one.sentences, other.sentences, strict=True)
    ]
    return _change(counts, np.array(flips))


def _change(counts: Sequence[Counts], flips: np.ndarray) -> Change | None:
    totals = [own.sum(axis=0) for own in counts]
    support = int(totals[0][:, 1].sum())
    if not support:
        return None
    before, after = (float(micro_f1(total)) for total in totals)
    return Change(before, after, support, float(flips.mean()), len(flips))
