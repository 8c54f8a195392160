"""Targets of training windows, against the annotation read word by word."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from marsad.benchmarks import Annotated
from marsad.benchmarks.anercorp import read_training as read_anercorp
from marsad.benchmarks.wojood import read_training as read_wojood
from marsad.document import Document, Entity, Event, Sentence
from marsad.label_sets import label_sets
from marsad.labels import scheme
from marsad.losses import IGNORED
from marsad.model_folder import ModelSettings
from marsad.reader import Reader
from marsad.targets import Collator, Row, training_rows
from marsad.text.cleaning import CLEANINGS, clean
from marsad.text.windows import SpecialIds, tokenize_sentences
from marsad.text.words import find_words
from tests.conftest import tiny_tokenizer
from tests.corpora import write_anercorp, write_wojood
from tests.oracle import Oracle, decorate, oracle_settings

SPECIAL = SpecialIds(start=2, end=3, pad=0)
SHADDA = "\u0651"  # alone, a word that cleaning leaves nothing of
TAGS, TYPES = scheme().tags, scheme().event_names
EVERY_TAG = frozenset(TAGS)


@pytest.fixture(scope="module")
def tokenizer(documents: list[Document]) -> Tokenizer:
    return tiny_tokenizer([document.text for document in documents]).backend_tokenizer


def settings(max_tokens: int = 128, **others: object) -> ModelSettings:
    own = oracle_settings(SPECIAL, CLEANINGS["marks"], max_tokens=max_tokens)
    return replace(own, overlap=min(8, max_tokens // 4), **others)


def known(rows: Sequence[Row]) -> Iterator[tuple[int, int, bool]]:
    """Yield tag, proclitic and whether a sentence begins, of each word that has a tag."""
    for row in rows:
        for place in np.flatnonzero(row["tags"] != IGNORED):
            yield row["tags"][place], row["proclitics"][place], bool(row["begins"][place])


def by_hand(document: Document) -> Iterator[tuple[int, int, bool]]:
    """Yield the same from a document of our own labels, of which every word is heard."""
    for sentence in document.sentences:
        last = None
        words = find_words(document.text[sentence.start : sentence.end]) + sentence.start
        for number, (start, end) in enumerate(words.tolist()):
            over = [e for e in document.entities if e.start < end and start < e.end]
            tag, proclitic = "O", IGNORED
            if over and over[0] is not last:
                tag = f"B-{over[0].label}"
                before = document.text[start : over[0].start]
                proclitic = sum(c.isalnum() and c != "ـ" for c in before)
            elif over:
                tag = f"I-{over[0].label}"
            last = over[0] if over else None
            yield TAGS.index(tag), proclitic, number == 0


# Documents of our own.


def test_what_is_unsure_is_taught_neither_as_there_nor_as_absent(tokenizer: Tokenizer):
    text = "الوزير قال إن الجيش قصف بدرعا"
    surfaces = [("الوزير", "OCC", 1 / 3), ("الجيش", "MIL", 2 / 3), ("درعا", "GPE", 0.5)]
    entities = tuple(
        Entity(text.index(s), text.index(s) + len(s), label, score) for s, label, score in surfaces
    )
    events = (Event("shelling", "actual", 0.5), Event("airstrike", "actual", 0.6))
    voted = Document("d", text, (Sentence(0, len(text), events),), entities, {"votes": 3})
    (row,) = training_rows([Annotated(voted)], tokenizer, settings())
    tags, proclitics, begins = zip(*known([row]), strict=True)
    other, mil = TAGS.index("O"), TAGS.index("B-MIL")
    anything = label_sets().anything  # the word is there: a CRF goes on through it
    assert tags == (anything, other, other, mil, other, anything)
    assert proclitics == (IGNORED, IGNORED, IGNORED, 0, IGNORED, IGNORED)
    assert begins == (True, *[False] * 5)
    told = dict(zip(TYPES, row["events"][0], strict=True))
    assert told["shelling"] == IGNORED
    assert told["airstrike"] > 0
    assert told["protest"] == 0
    read_by_one = replace(voted, meta={})  # and then corrected: what stands there is annotated
    (row,) = training_rows([Annotated(read_by_one)], tokenizer, settings())
    tags = [tag for tag, _, _ in known([row])]
    assert tags == [TAGS.index(t) for t in ("B-OCC", "O", "O", "B-MIL", "O", "B-GPE")]
    assert dict(zip(TYPES, row["events"][0], strict=True))["shelling"] > 0


@pytest.mark.parametrize("decorated", [False, True])
@pytest.mark.parametrize(("max_tokens", "context"), [(24, 0), (128, 0), (128, 16), (2000, 0)])
def test_every_word_has_its_target_in_exactly_one_window(
    documents: list[Document],
    tokenizer: Tokenizer,
    max_tokens: int,
    context: int,
    decorated: bool,
):
    for document in (decorate(d, i) if decorated else d for i, d in enumerate(documents[:12])):
        rows = training_rows(
            [Annotated(document)], tokenizer, settings(max_tokens, context=context)
        )
        assert list(known(rows)) == list(by_hand(document))
        for row in rows:
            unknown = row["tags"] == IGNORED
            assert (row["proclitics"][unknown] == IGNORED).all()
            assert not row["begins"][unknown].any()
            assert row["length"] == len(row["input_ids"]) <= max_tokens


def reported(sentence: Sentence) -> list[int]:
    own = {event.type: scheme().realis_names.index(event.realis) for event in sentence.events}
    return [own[name] + 1 if name in own else 0 for name in TYPES]


def pieces_of(document: Document, sentence: Sentence, tokenizer: Tokenizer) -> list[int]:
    text = clean(document.text[sentence.start : sentence.end], CLEANINGS["marks"]).text
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


@pytest.mark.parametrize("max_tokens", [24, 60, 2000])
def test_sentences_say_what_they_report_unless_they_are_cut(
    documents: list[Document], tokenizer: Tokenizer, max_tokens: int
):
    unsaid, cut = [IGNORED] * len(TYPES), 0
    for document in documents[:12]:
        rows = training_rows([Annotated(document)], tokenizer, settings(max_tokens))
        found = [own for row in rows for own in row["events"]]
        whole = [
            len(pieces_of(document, s, tokenizer)) <= max_tokens - 2 for s in document.sentences
        ]
        expected = [
            reported(s) if own else unsaid for s, own in zip(document.sentences, whole, strict=True)
        ]
        assert [key for key, _ in groupby(found)] == [key for key, _ in groupby(expected)]
        assert found.count(unsaid) >= 2 * whole.count(False)
        assert [own for own in found if own != unsaid] == [o for o in expected if o != unsaid]
        assert all(set(own) == {IGNORED} for row in rows for own in row["groups"])
        assert all(len(row["events"]) == len(row["sentences"]) for row in rows)
        cut += whole.count(False)
    assert bool(cut) == (max_tokens < 2000)


@pytest.mark.parametrize(("max_tokens", "context"), [(24, 0), (24, 4), (128, 16), (2000, 0)])
def test_pieces_are_numbered_by_word(
    documents: list[Document], tokenizer: Tokenizer, max_tokens: int, context: int
):
    """As the tokenizer finds words: in this vocabulary a piece that begins none has two signs."""
    ids = tokenizer.get_vocab()
    inner = {number for piece, number in ids.items() if piece.startswith("##")}
    most = 0
    for document in documents[:8]:
        for row in training_rows(
            [Annotated(document)], tokenizer, settings(max_tokens, context=context)
        ):
            words, pieces = row["words"], list(row["input_ids"])
            told = np.flatnonzero(row["tags"] != IGNORED)
            assert np.unique(words[told]).tolist() == words[told].tolist()
            assert np.unique(words[words > 0]).tolist() == list(range(1, words.max() + 1))
            for i in range(told[0] + 1, len(pieces) - 1):
                if words[i - 1] and words[i]:
                    assert words[i] == words[i - 1] + (pieces[i] not in inner)
            bounds = [range(*part) for part in row["sentences"]]
            outside = [i for i in range(len(pieces)) if not any(i in part for part in bounds)]
            assert not words[outside].any()
            most = max(most, int(np.bincount(words[words > 0]).max()))
    assert most > 1  # some word has several pieces


def test_one_document_is_what_several_are(documents: list[Document], tokenizer: Tokenizer):
    few = [Annotated(document) for document in documents[:4]]
    together = training_rows(few, tokenizer, settings(60))
    alone = [row for item in few for row in training_rows([item], tokenizer, settings(60))]
    assert len(together) == len(alone)
    for one, other in zip(together, alone, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[key], other[key]) for key in one)


def chains(row: Row) -> Iterator[tuple[bool, list[str]]]:
    """Yield, as the CRF parts a row, whether each run of tags is the beginning of a sentence."""
    places = np.flatnonzero(row["tags"] != IGNORED)
    opens = [i for i, p in enumerate(places) if row["begins"][p] or i == 0]
    for first, last in pairwise([*opens, len(places)]):
        own = places[first:last]
        yield bool(row["begins"][own[0]]), [TAGS[t] for t in row["tags"][own]]


def check_legal(rows: Sequence[Row]) -> None:
    for row in rows:
        for begins, tags in chains(row):
            assert not (begins and tags[0].startswith("I-"))
            for before, tag in pairwise(tags):
                assert not tag.startswith("I-") or before[1:] == tag[1:], (before, tag)


def test_tags_of_every_window_are_a_sequence_that_the_crf_allows(
    documents: list[Document], tokenizer: Tokenizer
):
    rows = training_rows([Annotated(d) for d in documents], tokenizer, settings(24))
    check_legal(rows)
    firsts = [(begins, tags[0]) for row in rows for begins, tags in chains(row)]
    assert any(not begins and tag.startswith("I-") for begins, tag in firsts)  # mentions were cut


def test_only_the_first_part_of_a_long_sentence_begins_it(tokenizer: Tokenizer):
    text = "سقط. " + "عاد الهدوء " * 30 + "\nثم سقط."
    spans = [(0, 4), (5, text.index("\n")), (text.index("\n") + 1, len(text))]
    document = Document("a", text, tuple(Sentence(*span) for span in spans))
    rows = training_rows([Annotated(document)], tokenizer, settings(40))
    assert len(rows) > 4
    assert sum(int(row["begins"].sum()) for row in rows) == 3
    assert not rows[2]["begins"].any()
    begins = [i for i, (*_, begins) in enumerate(known(rows)) if begins]
    assert begins == [0, 2, 2 + 60]


# Words that are not heard.


def some_document(rng: np.random.Generator) -> tuple[Document, list[bool]]:
    """Return a document of one sentence with mentions, and which of its words are heard."""
    count = int(rng.integers(1, 14))
    heard = (rng.random(count) < 0.6).tolist()
    words = [str(rng.choice(["درعا", "حلب", "قصف"])) if own else SHADDA for own in heard]
    starts = np.cumsum([0, *(len(word) + 1 for word in words)]).tolist()
    entities, first = [], 0
    while first < count:
        last = min(first + int(rng.integers(0, 4)), count - 1)
        if rng.random() < 0.6:
            label = str(rng.choice(["GPE", "ORG"]))
            entities.append(Entity(starts[first], starts[last] + len(words[last]), label))
        first = last + 1
    text = " ".join(words)
    return Document("a", text, (Sentence(0, len(text)),), tuple(entities)), heard


@pytest.mark.parametrize("seed", range(80))
def test_mentions_begin_at_their_first_word_that_is_heard(tokenizer: Tokenizer, seed: int):
    document, heard = some_document(np.random.default_rng(seed))
    words = find_words(document.text).tolist()
    (tokenized,) = tokenize_sentences(
        document.text, [(0, len(document.text))], tokenizer, CLEANINGS["marks"]
    )
    assert (~tokenized.silent).tolist() == heard
    expected, seen = [], set()
    for (start, end), own in zip(words, heard, strict=True):
        over = next((e for e in document.entities if e.start <= start and end <= e.end), None)
        if own and over:
            expected.append((f"{'I' if over in seen else 'B'}-{over.label}", over not in seen))
            seen.add(over)
        elif own:
            expected.append(("O", False))
    rows = training_rows([Annotated(document)], tokenizer, settings())
    found = [(TAGS[tag], proclitic == 0) for tag, proclitic, _ in known(rows)]
    assert found == expected
    check_legal(rows)
    begins = [begins for *_, begins in known(rows)]
    assert begins == [i == 0 for i in range(len(begins))]


def test_a_reader_finds_what_was_taught_of_a_mention_that_begins_unheard(tokenizer: Tokenizer):
    text = f"قصف {SHADDA} درعا {SHADDA} حلب اليوم"
    mention = Entity(4, text.index(" اليوم"), "GPE")
    document = Document("a", text, (Sentence(0, len(text)),), (mention,))
    own = settings()
    reader = Reader(tokenizer, own, Oracle([document], tokenizer, own))
    (found,) = reader(document).entities
    assert (found.start, found.end, found.label) == (text.index("درعا"), mention.end, "GPE")


def test_a_sentence_whose_first_part_is_unheard_begins_in_the_next(tokenizer: Tokenizer):
    text = f"{SHADDA} {'ا' * 60} عاد"
    document = Document("a", text, (Sentence(0, len(text)),))
    rows = training_rows([Annotated(document)], tokenizer, settings(24))
    assert len(rows[0]["events"]) > 1  # two parts in one window
    assert [begins for *_, begins in known(rows)] == [True, False]


def test_a_sentence_of_which_nothing_is_heard_begins_nowhere(tokenizer: Tokenizer):
    document = Document("a", f"{SHADDA} درعا", (Sentence(0, 1), Sentence(2, 6)))
    rows = training_rows([Annotated(document)], tokenizer, settings())
    assert [begins for *_, begins in known(rows)] == [True]


# Corpora with other labels.


def possible(rows: Sequence[Row]) -> list[set[str]]:
    """Return, for each word, the tags that its target leaves possible."""
    members = label_sets().tags
    return [{TAGS[i] for i in np.flatnonzero(members[tag])} for tag, *_ in known(rows)]


def both(kinds: str, *labels: str) -> set[str]:
    return {f"{kind}-{label}" for kind in kinds for label in labels}


def test_targets_of_anercorp_are_what_its_labels_may_be(tmp_path: Path, tokenizer: Tokenizer):
    sentence = [
        ("زار", "O"),
        ("خالد", "B-PERS"),
        ("المنصور", "I-PERS"),
        ("وحلب", "B-LOC"),  # one token with its conjunction
        ("الجديدة", "I-LOC"),
        ("د.سعيد", "B-PERS"),  # one token, three words
        ("الجيش", "I-ORG"),  # a stray I-
        (".", "O"),
        ("الألماني", "B-MISC"),
        ("عاد", "O"),
    ]
    outside = {"O"} | both("BI", "OCC", "WEA", "DATE", "NUM")
    items = read_anercorp(write_anercorp(tmp_path, [sentence]))
    rows = training_rows(items, tokenizer, settings())
    assert possible(rows) == [
        outside,
        {"B-PER"},
        {"I-PER"},
        both("B", "GPE", "LOC", "FAC"),
        both("I", "GPE", "LOC", "FAC"),
        {"B-PER"},
        {"I-PER"},
        {"I-PER"},
        both("B", "ORG", "MIL"),
        outside,
        both("B", "NORP", "EVENT"),
        outside,
    ]
    (row,) = rows
    assert (row["proclitics"] == IGNORED).all()
    assert row["events"] == [[IGNORED] * len(TYPES)]
    assert row["groups"] == [[IGNORED] * len(label_sets().groups)]
    assert np.flatnonzero(row["begins"]).tolist() == [1]


def test_targets_of_wojood_are_what_its_labels_may_be(tmp_path: Path, tokenizer: Tokenizer):
    sentence = [
        ("قال", "O"),
        ("رئيس", "B-OCC"),
        ("بلدية", "I-OCC B-ORG"),  # nested: the longest counts
        ("درعا", "I-OCC I-ORG B-GPE"),
        ("سعيد", "B-PERS"),
        ("إن", "O"),
        ("الجيش", "B-ORG"),
        ("دفع", "O"),
        ("عشرة", "B-MONEY"),
        ("دنانير", "I-MONEY B-CURR"),
        ("في", "O"),
        ("اليوم", "B-DATE"),
        ("الثاني", "I-DATE B-ORDINAL"),
        ("بعد", "B-LAW"),  # a label that is none of ours, or any
        ("القانون", "I-LAW"),
        ("قذيفة", "O"),
    ]
    outside = {"O"} | both("BI", "WEA")
    items = read_wojood(write_wojood(tmp_path, [sentence]))
    rows = training_rows(items, tokenizer, settings())
    assert possible(rows) == [
        outside,
        {"B-OCC"},
        {"I-OCC"},
        {"I-OCC"},
        {"B-PER"},
        outside,
        both("B", "ORG", "MIL"),
        outside,
        {"B-NUM"},
        {"I-NUM"},
        outside,
        {"B-DATE"},
        {"I-DATE"},
        EVERY_TAG,
        EVERY_TAG,
        outside,
    ]
    assert all((row["proclitics"] == IGNORED).all() for row in rows)


def voted(**votes: bool) -> Annotated:
    text = "قصفت المدفعية حلب"
    return Annotated(Document("a", text, (Sentence(0, len(text)),)), "event_gsr", votes)


ASSAULT = scheme().sources["event_gsr"].events["ASSAULT"]


@pytest.mark.parametrize(
    ("votes", "absent", "groups"),
    [
        ({}, (), {}),
        ({"ASSAULT": True}, (), {"ASSAULT": 1}),
        ({"ASSAULT": False}, ASSAULT, {}),
        ({"PROTEST": False}, ("protest",), {}),
        ({"ASSAULT": True, "PROTEST": False}, ("protest",), {"ASSAULT": 1}),
        ({"ASSAULT": False, "PROTEST": True}, ASSAULT, {"PROTEST": 1}),
        ({"ASSAULT": False, "PROTEST": False}, (*ASSAULT, "protest"), {}),
        ({"ASSAULT": True, "PROTEST": True}, (), {"ASSAULT": 1, "PROTEST": 1}),
    ],
)
def test_votes_say_that_types_are_absent_or_that_one_is_there(
    tokenizer: Tokenizer, votes: dict[str, bool], absent: tuple[str, ...], groups: dict[str, int]
):
    (row,) = training_rows([voted(**votes)], tokenizer, settings())
    assert row["events"] == [[0 if name in absent else IGNORED for name in TYPES]]
    numbers = label_sets().group["event_gsr"]
    (found,) = row["groups"]
    assert {name: found[number] for name, number in numbers.items()} == {
        name: groups.get(name, IGNORED) for name in numbers
    }
    assert len(found) == len(label_sets().groups)


def test_votes_say_nothing_of_words_nor_of_parts_of_a_sentence(tokenizer: Tokenizer):
    item = voted(ASSAULT=True, PROTEST=False)
    text = " ".join([item.document.text] * 10)
    document = replace(item.document, text=text, sentences=(Sentence(0, len(text)),))
    for rows in (
        training_rows([item], tokenizer, settings()),
        training_rows([replace(item, document=document)], tokenizer, settings(40)),
    ):
        assert all((row[key] == IGNORED).all() for row in rows for key in ("tags", "proclitics"))
    assert len(rows) > 2
    for row in rows:
        assert set(chain(*row["events"], *row["groups"])) == {IGNORED}


# Where sentences are.


@pytest.mark.parametrize("context", [0, 5, 20])
def test_event_head_reads_sentences_and_not_the_text_around_them(
    documents: list[Document], tokenizer: Tokenizer, context: int
):
    document = documents[0]
    rows = training_rows([Annotated(document)], tokenizer, settings(250, context=context))
    spans = [(row, a, b) for row in rows for a, b in row["sentences"]]
    assert len(rows) > 1
    assert len(spans) == len(document.sentences)
    for (row, a, b), sentence in zip(spans, document.sentences, strict=True):
        assert row["input_ids"][a:b].tolist() == pieces_of(document, sentence, tokenizer)
        assert row["begins"][a] == 1
    shown = sum(len(row["input_ids"]) - 2 for row in rows) - sum(b - a for _, a, b in spans)
    assert shown == 2 * context * (len(rows) - 1)


def test_first_token_stands_for_the_one_sentence_of_a_window(
    documents: list[Document], tokenizer: Tokenizer
):
    document = documents[0]
    own = settings(512, pooling="first", context=10)
    rows = training_rows([Annotated(document)], tokenizer, own)
    assert [row["sentences"] for row in rows] == [[(0, 1)]] * len(document.sentences)
    assert [row["events"] for row in rows] == [[reported(s)] for s in document.sentences]


def test_collator_pads_what_is_unknown(documents: list[Document], tokenizer: Tokenizer):
    text = "عاد الهدوء"
    short = Document("a", text, (Sentence(0, len(text), (Event("aid", "planned"),)),))
    items = [Annotated(documents[0]), Annotated(short), voted(ASSAULT=True)]
    rows = training_rows(items, tokenizer, settings())
    batch = Collator(SPECIAL)(rows)
    length, most = max(row["length"] for row in rows), max(len(row["events"]) for row in rows)
    assert batch["tags"].shape == batch["begins"].shape == (len(rows), length)
    assert batch["events"].shape == (len(rows), most, len(TYPES))
    assert batch["groups"].shape == (len(rows), most, len(label_sets().groups))
    assert batch["begins"].dtype == torch.bool
    for i, row in enumerate(rows):
        for key, filler in (
            ("tags", IGNORED),
            ("proclitics", IGNORED),
            ("begins", 0),
            ("words", 0),
        ):
            own = np.full(length, filler)
            own[: row["length"]] = row[key]
            assert batch[key][i].tolist() == own.tolist()
        for key in ("events", "groups"):
            count = len(row[key])
            assert batch[key][i, :count].tolist() == row[key]
            assert (batch[key][i, count:] == IGNORED).all()
        assert batch["attention_mask"][i].sum() == row["length"]
