"""What holds of every stress, on annotated documents of the corpus."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import pytest

from marsad.corpus import Placed, check_documents
from marsad.document import Document
from marsad.stress import STRESSES, Perturbed
from marsad.stress.letters import bare
from marsad.stress.lexicon import lexicon
from marsad.stress.spelling import CARELESS, DIGITS

# Which mentions a stress may write in another way; None: all of them.
REWRITTEN: dict[str, set[str] | None] = {
    "swapped_places": {"GPE"},
    "swapped_factions": {"MIL"},
    "no_punctuation": None,
    "typos": None,
    "negated": set(),
    "future": set(),
    **{f"names_{group}": {"PER"} for group in lexicon().people},
    **{f"groups_{group}": {"NORP"} for group in lexicon().groups},
}
PLAIN = {
    "vocalised": bare,
    "tatweel": bare,
    "de_hamzated": lambda text: text.translate(str.maketrans(CARELESS)),
    "digits": lambda text: text.translate(str.maketrans(DIGITS)),
}


def perturb_all(name: str, documents: list[Document], seed: int = 5) -> list[Perturbed]:
    made = (STRESSES[name].perturb(document, random.Random(seed)) for document in documents)
    return [perturbed for perturbed in made if perturbed is not None]


@pytest.fixture(scope="module")
def perturbed(documents: list[Document]) -> Callable[[str], list[Perturbed]]:
    """The documents under a stress, made once."""
    return cache(partial(perturb_all, documents=documents))


@pytest.mark.parametrize("name", STRESSES)
def test_annotation_is_moved_along_soundly(name: str, perturbed):
    assert perturbed(name)
    assert check_documents(Placed(name, p.document) for p in perturbed(name)) == []
    for p in perturbed(name):
        old, new = p.source, p.document
        assert len(old.sentences) == len(new.sentences)
        assert [e.label for e in old.entities] == [e.label for e in new.entities]
        for a, b in zip(old.sentences, new.sentences, strict=True):
            assert len(list(old.entities_in(a))) == len(list(new.entities_in(b)))
        assert replace(new, text="", sentences=(), entities=()) == replace(
            old, text="", sentences=(), entities=()
        )


@pytest.mark.parametrize("name", STRESSES)
def test_only_touched_sentences_change(name: str, perturbed):
    for p in perturbed(name):
        assert p.touched
        for index, (a, b) in enumerate(zip(p.source.sentences, p.document.sentences, strict=True)):
            old, new = p.source.text[a.start : a.end], p.document.text[b.start : b.end]
            assert ((old, a.events) == (new, b.events)) == (index not in p.touched)


@pytest.mark.parametrize("name", STRESSES)
def test_a_seed_decides(name: str, documents: list[Document]):
    assert perturb_all(name, documents, 1) == perturb_all(name, documents, 1)


@pytest.mark.parametrize("name", ["vocalised", "tatweel", "typos", "swapped_places", "names_druze"])
def test_another_seed_decides_otherwise(name: str, documents: list[Document]):
    assert perturb_all(name, documents, 1) != perturb_all(name, documents, 2)


@pytest.mark.parametrize("name", STRESSES)
def test_gold_changes_only_in_directional_stresses(name: str, perturbed):
    stress = STRESSES[name]
    realis = {"negated": "negated", "future": "planned"}.get(name)
    assert (realis is not None) == (stress.kind == "directional")
    for p in perturbed(name):
        for index, (a, b) in enumerate(zip(p.source.sentences, p.document.sentences, strict=True)):
            if realis is None or index not in p.touched:
                assert a.events == b.events
            else:
                (old,), (new,) = a.events, b.events
                assert (old.type, old.realis, new.realis) == (new.type, "actual", realis)


@pytest.mark.parametrize("name", REWRITTEN)
def test_only_the_mentions_it_is_about_are_rewritten(name: str, perturbed):
    labels = REWRITTEN[name]
    for p in perturbed(name):
        for a, b in zip(p.source.entities, p.document.entities, strict=True):
            if labels is not None and a.label not in labels:
                assert p.source.mention(a) == p.document.mention(b)


@pytest.mark.parametrize("name", PLAIN)
def test_mentions_are_the_same_words(name: str, perturbed):
    plain = PLAIN[name]
    for p in perturbed(name):
        for a, b in zip(p.source.entities, p.document.entities, strict=True):
            old, new = p.source.mention(a), p.document.mention(b)
            if name in ("vocalised", "tatweel"):
                assert plain(new) == plain(old)
            else:
                assert new in (old, plain(old)) or name == "digits"


def test_attached_mentions_lose_no_more_than_the_article(perturbed):
    for p in perturbed("attached"):
        for a, b in zip(p.source.entities, p.document.entities, strict=True):
            old, new = p.source.mention(a), p.document.mention(b)
            assert new == old or (old.startswith("ال") and f"ا{new}" == old)
            assert new == old or p.document.text[b.start - 1] == "ل"


def test_no_punctuation_is_left_but_in_numbers_and_tags(perturbed):
    for p in perturbed("no_punctuation"):
        for index, character in enumerate(p.document.text):
            if character in ".,:/-":
                around = p.document.text[index - 1] + p.document.text[index + 1]
                assert around.isdigit(), p.document.text[index - 10 : index + 10]
            assert character not in '،؛؟!()"«»“”…#'


def test_groups_are_named(documents: list[Document]):
    for name, stress in STRESSES.items():
        group = name.split("_", 1)[1] if name.startswith(("names_", "groups_")) else None
        assert stress.name == name
        assert {p.group for p in perturb_all(name, documents[:5])} <= {group}


def test_every_word_of_eight_slips(perturbed):
    changed = words = 0
    for p in perturbed("typos"):
        for a, b in zip(p.source.text.split(), p.document.text.split(), strict=True):
            words += len(bare(a)) >= 4
            changed += a != b
    assert 0.08 < changed / words < 0.15
