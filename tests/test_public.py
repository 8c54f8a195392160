from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marsad.document import Document, Entity
from marsad.errors import DataError
from marsad.labels import scheme
from marsad.public import (
    TokenSpan,
    VotedSentence,
    rank_events,
    read_event_gsr,
    read_wojood,
    score_wojood,
    types_of,
)

WOJOOD = """\
قال O
رئيس B-OCC
بلدية I-OCC B-ORG
نابلس I-OCC I-ORG B-GPE
$#$ O
أمس B-DATE

جيش B-ORG
الأول B-ORDINAL
بالقدس B-GPE
"""
VOTES = """\
accept,event_type,id,label,reject,text,total
3,PROTEST,a,yes,0,تظاهر المئات,3
0,PROTEST,b,easy no,3,هطل المطر,3
1,PROTEST,c,ambiguous,1,نص بلا حكم,2
2,PROTEST,d,ambiguous,1,نص مكرر,3
0,PROTEST,e,easy no,3,نص مكرر,3
"""


class FixedReader:
    """Says of each text what it is told to."""

    def __init__(self, entities: list[tuple[Entity, ...]], scores: list[float]) -> None:
        self.entities = entities
        self.scores = scores

    def pipe(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document, entities in zip(documents, self.entities, strict=True):
            yield replace(document, entities=entities)

    def probabilities(self, documents: Iterable[Document]) -> Iterator[np.ndarray]:
        column = scheme().event_names.index("protest")
        for _, score in zip(documents, self.scores, strict=True):
            row = np.full((1, 23), 0.99, dtype=np.float32)
            row[0, column] = score
            yield row


@pytest.fixture
def wojood(tmp_path: Path) -> Path:
    path = tmp_path / "val.txt"
    path.write_text(WOJOOD, encoding="utf-8")
    return path


def test_longest_of_nested_mentions_is_kept_and_separators_dropped(wojood: Path):
    one, two = read_wojood(wojood)
    assert one.tokens == ("قال", "رئيس", "بلدية", "نابلس", "أمس")
    assert one.spans == {TokenSpan(1, 4, "OCC"), TokenSpan(4, 5, "DATE")}
    assert two.spans == {TokenSpan(0, 1, "ORG"), TokenSpan(2, 3, "GPE")}  # ORDINAL is not shared


def test_scores_are_blind_to_proclitics_and_fold_armed_sides(wojood: Path):
    sentences = read_wojood(wojood)
    reader = FixedReader(
        [
            (Entity(4, 20, "OCC"), Entity(21, 24, "DATE")),
            (Entity(0, 3, "MIL"), Entity(11, 16, "GPE"), Entity(4, 9, "WEA")),
        ],
        [],
    )
    scores = score_wojood(reader, sentences)
    assert scores["micro"].f1 == 1  # WEA has no counterpart and is left out
    assert scores["GPE"].support == 1
    assert scores["PER"].support == 0


def test_votes_are_added_up_and_ties_left_out(tmp_path: Path):
    path = tmp_path / "votes.csv"
    path.write_text(VOTES, encoding="utf-8")
    assert read_event_gsr(path) == [
        VotedSentence("تظاهر المئات", True),
        VotedSentence("هطل المطر", False),
        VotedSentence("نص مكرر", False),
    ]


def test_ranking_reads_the_types_of_the_class_alone():
    sentences = [VotedSentence("أ", True), VotedSentence("ب", False), VotedSentence("ج", True)]
    classes = {"protest": types_of("PROTEST"), "killing": ["killing"]}
    rankings = rank_events(FixedReader([], [0.9, 0.5, 0.1]), sentences, classes)
    ranking = rankings["protest"]
    assert ranking.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert (ranking.positives, ranking.sentences) == (2, 3)


def test_other_csv_is_refused(tmp_path: Path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="no file of the event gold standard"):
        read_event_gsr(path)
