"""CoNLL columns: tokens that find their places, and what stays unread."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.document import Document, Entity, Sentence
from marsad.formats import FORMATS
from marsad.predictions import read_predictions
from marsad.text.words import find_words
from tests.predictions.systems import (
    GOLD,
    OTHER,
    Block,
    blocks_of,
    conll,
    refusal,
    widened,
    write,
)


def read(path: Path, blocks: Sequence[Block], gold: Sequence[Document]) -> list[Document]:
    return read_predictions(write(path, conll(blocks)), gold)


def spans(document: Document) -> list[tuple[str, str]]:
    return [(document.mention(e), e.label) for e in document.entities]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.conll"


def test_whole_words_come_back(path: Path, documents: list[Document]):
    found = read(path, [b for d in documents for b in blocks_of(d)], documents)
    assert [list(d.entities) for d in found] == [widened(d) for d in documents]
    assert {d.coverage for d in found} == {1.0}
    assert sum(widened(d) != list(d.entities) for d in documents) > 10


def test_lines_of_conlleval_are_read(path: Path):
    lines = [f"{token}\tNN  B-X {tag} \r" for token, tag in blocks_of(GOLD)[0]]
    content = "\n".join(["-DOCSTART- -X- O O", "", *lines, "-DOCSTART-", ""])
    assert spans(read_predictions(write(path, content), [GOLD])[0]) == [("درعا", "GPE")]


def test_stray_continuation_begins_a_mention(path: Path):
    tags = ["O", "O", "I-LOC", "I-GPE", "O"]
    block = [(token, tag) for (token, _), tag in zip(blocks_of(GOLD)[0], tags, strict=True)]
    (found,) = read(path, [block], [GOLD])
    assert spans(found) == [("مدينة", "LOC"), ("درعا", "GPE")]


def test_our_own_columns_are_read_by_id(path: Path, documents: list[Document]):
    FORMATS["conll"].write(documents[:0:-1], path)
    found = read_predictions(path, documents)
    assert [d.entities for d in found] == [(), *(d.entities for d in documents[1:])]
    assert [d.sentences for d in found[1:]] == [d.sentences for d in documents[1:]]
    assert [d.coverage for d in found] == [0.0, *(1.0 for _ in documents[1:])]


@pytest.mark.parametrize("size", [1, 2, 8, 20])
def test_sentences_cut_short_leave_their_ends_unread(
    path: Path, documents: list[Document], size: int
):
    found = read(path, [b[:size] for d in documents for b in blocks_of(d)], documents)
    for document, gold in zip(found, documents, strict=True):
        words = find_words(gold.text).tolist()
        read_words = []
        for sentence in gold.sentences:
            own = [w for w in words if sentence.start <= w[0] < sentence.end][:size]
            read_words += own
            assert all(e.end <= own[-1][1] for e in document.entities_in(sentence))
        assert document.coverage == pytest.approx(len(read_words) / len(words))
        assert document.text == gold.text
    assert sum(document.coverage < 1 for document in found) > 20
    assert sum(len(d.entities) for d in found) < sum(len(d.entities) for d in documents)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), dropped=st.sampled_from([0.0, 0.4]))
def test_cut_blocks_are_never_misplaced(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Document], seed: int, dropped: float
):
    """Without missing documents a block may be one word; else it must say where it belongs."""
    chance = random.Random(seed)
    fewest = 5 if dropped else 1
    blocks, kept = [], []
    for document in documents:
        kept.append(chance.random() >= dropped)
        own = blocks_of(document) if kept[-1] else []
        blocks += [b[: chance.randint(min(fewest, len(b)), len(b))] for b in own]
    path = tmp_path_factory.getbasetemp() / "cut.conll"
    if not blocks:
        return
    found = read(path, blocks, documents)
    claimed = sum(tag.startswith("B-") for block in blocks for _, tag in block)
    assert sum(len(d.entities) for d in found) == claimed
    for document, gold, there in zip(found, documents, kept, strict=True):
        ends = {(e.start, e.label): e.end for e in widened(gold)}
        assert all(e.end <= ends[e.start, e.label] for e in document.entities)
        assert (document.coverage > 0) == there


def test_missing_sentences_and_documents_are_unread(path: Path, documents: list[Document]):
    kept = documents[3:20:4]
    found = read(path, [b for d in kept for b in blocks_of(d)[1:]], documents)
    for document in found:
        if any(document.id == d.id for d in kept):
            assert 0 < document.coverage < 1
        else:
            assert (document.entities, document.coverage) == ((), 0.0)


def gold_of(*sentences: str) -> Document:
    text = " ".join(sentences)
    bounds, start = [], 0
    for sentence in sentences:
        bounds.append(Sentence(start, start + len(sentence)))
        start += len(sentence) + 1
    return Document("a", text, tuple(bounds))


def places(path: Path, gold: Document, *blocks: str) -> list[int]:
    """Mark the first token of each block, and return where the marks are found."""
    tagged = [
        [(token, "O" if i else "B-X") for i, token in enumerate(block.split())] for block in blocks
    ]
    (found,) = read(path, tagged, [gold])
    return [entity.start for entity in found.entities]


def test_short_block_goes_to_the_start_of_a_sentence(path: Path):
    gold = gold_of("قال في دمشق .", "في درعا .", ". . .", "في حمص")
    assert places(path, gold, "قال", "في", ".", "في") == [0, 14, 24, 30]


def test_parts_of_a_sentence_follow_each_other(path: Path):
    gold = gold_of("قال في دمشق .", "في درعا .", "عاد")
    assert places(path, gold, "قال", "في دمشق", ".", "في", "درعا .", "عاد") == [
        0,
        4,
        12,
        14,
        17,
        24,
    ]


def test_block_may_hold_several_sentences(path: Path):
    assert places(path, gold_of("قال .", "عاد ."), "قال . عاد .") == [0]


def test_block_does_not_begin_inside_a_word_by_chance(path: Path):
    gold = gold_of("وصل فيصل إلى حمص", "عاد أحمد في دمشق")
    assert places(path, gold, "في دمشق") == [26]
    assert places(path, gold, "في", "دمشق") == [26, 29]
    assert places(path, gold_of("فيصل عاد", "في دمشق"), "في") == [9]


def test_parts_of_a_word_follow_each_other(path: Path):
    gold = gold_of("وصل وفد بدرعا")
    assert places(path, gold, "وصل و", "فد ب", "درعا") == [0, 5, 9]


def test_text_without_sentences_is_searched_from_its_start(path: Path):
    gold = Document("a", "\u200f قال أحمد")
    assert places(path, gold, "قال", "أحمد") == [2, 6]


def test_zero_width_characters_may_stand_between_tokens(path: Path):
    gold = Document("a", "قال\u200f \u200b«أحمد»\u200f.", (Sentence(0, 15),))
    (found,) = read(path, [[("قال", "O"), ("«", "O"), ("أحمد", "B-PER"), ("»", "O")]], [gold])
    assert [gold.mention(e) for e in found.entities] == ["أحمد"]


def test_document_without_words_is_read(path: Path):
    found = read(path, blocks_of(OTHER), [Document("a", " \n"), OTHER])
    assert [d.coverage for d in found] == [1.0, 1.0]


def test_gold_stays_as_it_is(path: Path, documents: list[Document]):
    before = [replace(d) for d in documents]
    read(path, [b[:3] for d in documents for b in blocks_of(d)], documents)
    assert documents == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("قصفت O\nالطائرات\n", ":2: one column; give the token first and the predicted tag last"),
        ("قصفت O\nالطائرات O O\n", ":2: 3 columns, and 2 before; make them the same"),
        ("قصفت S-PER\n", ":1: tag 'S-PER' is not O, B-X or I-X; convert it to BIO (IOB2)"),
        ("قصفت O\nطائرات O\nx O\n", ":2: token 'طائرات' does not fit the annotated texts"),
        ("[UNK] O\n", ":1: token '[UNK]' does not fit the annotated texts, searched from document"),
        ("قصفت O\n\nقصفت O\n", ":3: token 'قصفت' does not fit"),
        (
            "وقال O\n\nقصفت O\n",
            ":3: token 'قصفت' does not fit the annotated texts, searched from "
            "document 'sy-001', 30 on; give their tokens unchanged and in their order",
        ),
        ("تواصل O\n. O\nعاد O\n", ":3: token 'عاد' does not fit"),
    ],
)
def test_unfit_columns_are_refused(path: Path, content: str, message: str):
    assert refusal(write(path, content), [GOLD, OTHER]).startswith(message)


def test_all_tokens_may_be_missing(path: Path):
    found = read_predictions(write(path, "-DOCSTART- O\n\n"), [GOLD])
    assert [(d.entities, d.coverage) for d in found] == [((), 0.0)]


def test_unfit_columns_of_our_own_are_refused(path: Path):
    FORMATS["conll"].write([GOLD], path)
    assert "no annotated document is 'sy-001' (did you mean 'sy-002'?)" in refusal(path, [OTHER])
    path.write_text(path.read_text(encoding="utf-8").replace("\t24\t", "\t25\t"), encoding="utf-8")
    assert "token 'درعا' is not at 20..25" in refusal(path, [GOLD])


def test_mention_is_from_token_to_token(path: Path):
    gold = gold_of("زار وفد مدينة  درعا")
    (found,) = read(path, [[("مدينة", "B-GPE"), ("درعا", "I-GPE")]], [gold])
    assert found.entities == (Entity(8, 19, "GPE"),)
