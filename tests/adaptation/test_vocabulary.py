import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from marsad.adaptation.settings import VocabularyConfig
from marsad.adaptation.transfer import initial_vectors, new_pieces, piece_vectors, with_vocabulary
from marsad.adaptation.vocabulary import learn_vocabulary
from marsad.document import Document
from marsad.encoders.loading import Encoder, load_encoder
from marsad.errors import ConfigError


@pytest.fixture(scope="module")
def base(unigram_encoder: Path) -> Encoder:
    return load_encoder(str(unigram_encoder))


@pytest.fixture(scope="module")
def lines(documents: list[Document]) -> list[str]:
    return [line for d in documents for line in d.text.splitlines() if line.strip()]


def test_frequent_words_become_pieces_and_rare_ones_are_cut_as_before(
    base: Encoder, lines: list[str]
):
    tokenizer = learn_vocabulary(lines, base.tokenizer, VocabularyConfig(size=700, least=2))
    assert len(tokenizer) <= 700
    old, new = (t.backend_tokenizer for t in (base.tokenizer, tokenizer))
    added = set(new.get_vocab()) - set(old.get_vocab())
    assert added
    assert all(piece.startswith("▁") for piece in added)
    counts = Counter(re.findall(r"(?<!\S)\w+", "\n".join(lines)))
    for piece in added:
        word = piece.removeprefix("▁")
        assert counts[word] >= 2
        assert len(old.encode(word, add_special_tokens=False).ids) > 1
        assert new.encode(word, add_special_tokens=False).tokens == [piece]
    letters = [p for p in old.get_vocab() if len(p) == 1 and p.isalpha()]
    rare = [f"{a}{b}{a}" for a in sorted(letters)[:12] for b in sorted(letters)[12:24]]
    cut = [[t.encode(w, add_special_tokens=False).tokens for w in rare] for t in (old, new)]
    whole = [kept for kept in cut[0] if not set(kept) - set(new.get_vocab())]
    assert len(whole) > 20
    assert whole == [own for kept, own in zip(*cut, strict=True) if kept in whole]


def test_fewer_pieces_a_word_and_nothing_unknown(base: Encoder, lines: list[str]):
    tokenizer = learn_vocabulary(lines, base.tokenizer, VocabularyConfig(size=1500, least=2))
    before, after = (
        [t.backend_tokenizer.encode(line) for line in lines] for t in (base.tokenizer, tokenizer)
    )
    assert sum(len(e.ids) for e in after) < 0.9 * sum(len(e.ids) for e in before)
    strange = "خبر 漢字"  # unknowns stand as their surface among the tokens, so ids are counted
    unknown = base.tokenizer.unk_token_id, tokenizer.unk_token_id
    for own, number in zip((base.tokenizer, tokenizer), unknown, strict=True):
        assert own.backend_tokenizer.encode(strange).ids.count(number) == 1
    assert sum(e.ids.count(unknown[1]) for e in after) == 0
    assert sum(e.ids.count(unknown[0]) for e in before) == 0
    assert [e.tokens[0] for e in after] == ["<s>"] * len(after)
    assert [e.tokens[-1] for e in after] == ["</s>"] * len(after)


def test_a_word_of_unknown_letters_is_not_added(base: Encoder, lines: list[str]):
    strange = "ڝڝكتاب"
    assert "ڝ" not in base.tokenizer.get_vocab()
    tokenizer = learn_vocabulary(
        [*lines, *[strange] * 50], base.tokenizer, VocabularyConfig(size=1500, least=2)
    )
    assert f"▁{strange}" not in tokenizer.get_vocab()
    assert len(tokenizer) > len(base.tokenizer)


def test_a_longer_word_is_one_piece_beside_a_shorter_one(base: Encoder, lines: list[str]):
    old = base.tokenizer.backend_tokenizer
    cut = {
        word: old.encode(word, add_special_tokens=False).tokens
        for line in lines
        for word in re.findall(r"(?<!\S)[ء-ي]{4,}(?!\w)", line)
    }
    pairs = [
        ("".join(own[:-1]).removeprefix("▁"), word)
        for word, own in sorted(cut.items())
        if len(own) > 2
        and old.encode("".join(own[:-1])[1:], add_special_tokens=False).tokens == own[:-1]
    ][:20]
    assert len(pairs) == 20
    words = [word for pair in pairs for word in pair] * 5
    tokenizer = learn_vocabulary(words, base.tokenizer, VocabularyConfig(size=900, least=2))
    for word in words:
        tokens = tokenizer.backend_tokenizer.encode(word, add_special_tokens=False).tokens
        assert tokens == [f"▁{word}"]


def test_the_same_text_gives_the_same_vocabulary(base: Encoder, lines: list[str]):
    config = VocabularyConfig(size=900, least=2)
    one, other = (learn_vocabulary(iter(lines), base.tokenizer, config) for _ in range(2))
    assert one.backend_tokenizer.to_str() == other.backend_tokenizer.to_str()


def test_too_small_a_vocabulary_is_refused(base: Encoder, lines: list[str]):
    with pytest.raises(ConfigError, match=r"vocabulary\.size: \d+ pieces are kept; give at least"):
        learn_vocabulary(lines, base.tokenizer, VocabularyConfig(size=300, least=1))


def test_a_base_of_another_kind_is_refused(tiny_encoder: Path, lines: list[str]):
    other = load_encoder(str(tiny_encoder))
    with pytest.raises(ConfigError, match="no unigram pieces to keep; leave vocabulary"):
        learn_vocabulary(lines, other.tokenizer, VocabularyConfig(size=900))


def test_kept_pieces_keep_their_vectors_and_new_ones_begin_as_a_mean(
    base: Encoder, lines: list[str]
):
    tokenizer = learn_vocabulary(lines, base.tokenizer, VocabularyConfig(size=700, least=2))
    old, vectors = piece_vectors(base.model), initial_vectors(base, tokenizer)
    known, new = base.tokenizer.get_vocab(), new_pieces(base, tokenizer)
    for piece, number in tokenizer.get_vocab().items():
        assert bool(new[number]) is (piece not in known)
        if piece in known:
            assert torch.equal(vectors[number], old[known[piece]])
        else:
            cut = base.tokenizer.backend_tokenizer.encode(
                piece.removeprefix("▁"), add_special_tokens=False
            )
            assert torch.allclose(vectors[number], old[cut.ids].mean(0))


def test_the_base_stays_and_the_new_model_reads_old_pieces_alike(base: Encoder, lines: list[str]):
    tokenizer = learn_vocabulary(lines, base.tokenizer, VocabularyConfig(size=700, least=2))
    size = len(piece_vectors(base.model))
    model = with_vocabulary(base, tokenizer).eval()
    assert len(piece_vectors(base.model)) == size == base.model.config.vocab_size
    assert model.config.vocab_size == len(tokenizer)
    pieces = [p for p in tokenizer.get_vocab() if p in base.tokenizer.get_vocab()][:20]
    with torch.inference_mode():
        outputs = [
            m(input_ids=torch.tensor([t.convert_tokens_to_ids(pieces)])).last_hidden_state
            for m, t in ((base.model.eval(), base.tokenizer), (model, tokenizer))
        ]
    assert torch.allclose(*outputs, atol=1e-6)
