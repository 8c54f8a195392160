"""What goes wrong in published evaluations: the usual tool falls for it, our scorer does not."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nervaluate.evaluator import Evaluator
from seqeval.metrics import classification_report, f1_score
from seqeval.scheme import IOB2
from sklearn.exceptions import UndefinedMetricWarning

from marsad.benchmarks import open_benchmark
from marsad.comparison import compare_evaluations, compare_systems
from marsad.document import Document, Entity, Sentence
from marsad.errors import DataError
from marsad.evaluation import evaluate
from marsad.metrics import Metrics, write_metrics
from marsad.model_folder import ModelFolder
from marsad.predictions import read_predictions
from marsad.scoring import Scores, score
from marsad.scoring.entities import EntityScores
from marsad.scoring.tokens import score_tags, word_tags
from marsad.systems import ask_system
from tests.predictions.systems import blocks_of, conll, write

GOLD_TAGS = [["B-PER", "I-PER", "O", "B-GPE", "O"]]
ALL_I = [["I-PER", "I-PER", "O", "I-GPE", "O"]]
NO_ENTITY = [["O", "O", "O"]]


def scored(gold: list[Document], own: list[Document]) -> tuple[Scores, EntityScores]:
    scores = score(gold, own, entities=True, events=False)
    assert scores.entities is not None
    return scores, scores.entities


def tags_of(blocks: list) -> list[list[str]]:
    return [[tag for _, tag in block] for block in blocks]


def test_seqevals_default_takes_runs_of_i_tags_for_mentions():
    """Nakayama 2018, seqeval: without ``mode`` and ``scheme`` it counts as conlleval does.

    A tagger that never learnt where mentions begin is called perfect.
    """
    assert f1_score(GOLD_TAGS, ALL_I) == 1
    assert score_tags(GOLD_TAGS, ALL_I).f1 == 0
    assert score_tags(GOLD_TAGS, GOLD_TAGS).f1 == 1


def test_seqeval_ignores_one_of_mode_and_scheme_alone():
    """seqeval's ``f1_score`` is strict only where both are given, and silent where one is.

    Its ``classification_report`` is strict by ``mode`` alone, so the two disagree on one call.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f1_score(GOLD_TAGS, ALL_I, mode="strict") == 1
        assert f1_score(GOLD_TAGS, ALL_I, scheme=IOB2) == 1
        assert f1_score(GOLD_TAGS, ALL_I, mode="strict", scheme=IOB2) == 0
    report = classification_report(
        GOLD_TAGS, ALL_I, mode="strict", output_dict=True, zero_division=0
    )
    assert report["micro avg"]["f1-score"] == 0
    assert score_tags(GOLD_TAGS, ALL_I).f1 == 0


def test_seqeval_has_no_word_for_data_without_entities():
    """seqeval warns (micro), gives nan (macro) or crashes (report) where nothing is annotated."""
    with pytest.warns(UndefinedMetricWarning):
        assert f1_score(NO_ENTITY, NO_ENTITY, mode="strict", scheme=IOB2) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        macro = f1_score(NO_ENTITY, NO_ENTITY, mode="strict", scheme=IOB2, average="macro")
    assert np.isnan(macro)
    with pytest.raises(ValueError, match="empty"):
        classification_report(NO_ENTITY, NO_ENTITY, mode="strict", scheme=IOB2)

    document = Document("a", "عاد الهدوء", (Sentence(0, 10),))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, entities = scored([document], [document])
    micro = entities.strict.micro
    assert (micro.f1, entities.strict.macro_f1, micro.support, micro.predicted) == (0, 0, 0, 0)
    assert (entities.seqeval.f1, entities.seqeval.support) == (0, 0)


def test_labels_cut_with_the_input_hide_what_was_never_read(
    documents: list[Document], tmp_path: Path
):
    """``run_ner.py`` of the transformers examples cuts a sentence and its labels alike.

    What lies behind the maximum length vanishes from the gold labels, so it is never missed.
    """
    cut = [block[:8] for document in documents for block in blocks_of(document)]
    assert f1_score(tags_of(cut), tags_of(cut), mode="strict", scheme=IOB2) == 1

    own = read_predictions(write(tmp_path / "own.conll", conll(cut)), documents)
    scores, entities = scored(documents, own)
    assert scores.coverage is not None
    assert scores.coverage < 0.8
    assert entities.seqeval.support == sum(len(d.entities) for d in documents)
    assert entities.seqeval.f1 < 0.9
    assert entities.strict.micro.recall < 0.8


def test_another_split_under_one_name_is_refused(tmp_path: Path):
    """Obeid et al. 2020, CAMeL Tools: figures on ANERcorp differ by points with the split.

    seqeval scores whatever it is given; two splits give two figures of one system, both "ANERcorp".
    """
    gold = [["B-LOC", "O"], ["B-PERS", "I-PERS"], ["B-LOC", "B-ORG"]]
    claim = [["B-LOC", "O"], ["B-PERS", "O"], ["B-LOC", "B-ORG"]]
    one, other = (
        f1_score(gold[part], claim[part], mode="strict", scheme=IOB2)
        for part in (slice(0, 2), slice(2, 3))
    )
    assert one != other

    (tmp_path / "anercorp").mkdir()
    rows = [[("كلمة", tag) for tag in tags] for tags in gold]
    write(tmp_path / "anercorp" / "camel_test.txt", conll(rows))
    with pytest.raises(DataError, match=r"3 sentences, and the CAMeL split's test file has 925"):
        open_benchmark("public:anercorp", source=tmp_path)


def test_recorded_results_of_different_splits_are_not_compared(
    documents: list[Document], tmp_path: Path
):
    """Figures in two papers' tables bear one name of a corpus, and none says which sentences."""
    for name, part in (("one", documents), ("two", documents[:-1])):
        folder = tmp_path / name
        folder.mkdir()
        write(folder / "test.jsonl", "".join(d.to_json() + "\n" for d in part))
    one, two = (open_benchmark(str(tmp_path / name / "test.jsonl")) for name in ("one", "two"))
    evaluations = [evaluate(ask_system(Path(b.data), b.documents), b) for b in (one, two)]
    assert [e.overall for e in evaluations] == [1, 1]
    with pytest.raises(DataError, match="data of another SHA-256"):
        compare_evaluations(*evaluations)
    model = ModelFolder(tmp_path / "model")
    model.path.mkdir()
    write_metrics(Metrics().with_evaluation(replace(evaluations[1], data=one.data)), model)
    with pytest.raises(DataError, match=r"of another SHA-256 than .*; evaluate the model again"):
        compare_systems(model["metrics"], Path(one.data), one)


def test_token_level_figures_are_blind_to_proclitics():
    """Arabic particles are written into the word after them: بدرعا is "in Daraa".

    Whole words score 1 on tokens, although no place in a gazetteer is called بدرعا.
    """
    gold = Document("a", "القتال بدرعا", (Sentence(0, 12),), (Entity(8, 12, "GPE"),))
    own = replace(gold, entities=(Entity(7, 12, "GPE"),))
    tags = [[word_tags(document)] for document in (gold, own)]
    assert f1_score(*tags, mode="strict", scheme=IOB2) == 1

    _, entities = scored([gold], [own])
    assert entities.seqeval.f1 == 1
    assert entities.strict.micro.f1 == 0
    assert entities.modes["partial"].micro.f1 == 0.5
    assert entities.mistakes["clitic"] == 1


def test_micro_average_hides_a_label_that_is_never_predicted(documents: list[Document]):
    """A micro average hardly moves where a rare label is lost, and it is what papers report."""
    counts = scored(documents, documents)[1].strict.per_name
    rare = min((name for name in counts if counts[name].support), key=lambda n: counts[n].support)
    own = [replace(d, entities=tuple(e for e in d.entities if e.label != rare)) for d in documents]
    tags = [[word_tags(d) for d in side] for side in (documents, own)]
    assert f1_score(*tags, mode="strict", scheme=IOB2) > 0.97

    scores, entities = scored(documents, own)
    assert scores.never_predicted == [rare]
    assert (entities.strict.per_name[rare].f1, entities.strict.per_name[rare].predicted) == (0, 0)
    assert entities.strict.macro_f1 == pytest.approx(1 - 1 / entities.strict.averaged)


def test_nervaluates_figures_depend_on_the_order_of_the_list():
    """nervaluate takes predictions as listed, and the first that overlaps uses a mention up."""
    gold = Document("a", "الرئيس أحمد الشرع", (Sentence(0, 17),), (Entity(7, 17, "PER"),))
    listed = [Entity(7, 11, "ORG"), Entity(12, 17, "PER")]
    theirs, ours = [], []
    for own in (listed, listed[::-1]):
        sides = (
            [[{"label": e.label, "start": e.start, "end": e.end - 1} for e in side]]
            for side in (gold.entities, own)
        )
        result = Evaluator(*sides, tags=["PER", "ORG"], loader="dict").evaluate()
        theirs.append(result["overall"]["ent_type"].f1)
        _, entities = scored([gold], [replace(gold, entities=tuple(own))])
        ours.append(entities.modes)
    assert theirs[0] != theirs[1]
    assert ours[0] == ours[1]
    assert ours[0]["type"].micro.f1 == pytest.approx(2 / 3)
