import numpy as np
import pytest
import torch

from marsad.adaptation.distillation import (
    PairCollator,
    VectorDistillation,
    lowest_layers,
    word_means,
)
from marsad.adaptation.masking import MaskCollator, MaskedWords
from marsad.adaptation.settings import VocabularyConfig
from marsad.adaptation.transfer import new_pieces, piece_vectors, with_vocabulary
from marsad.adaptation.vocabulary import learn_vocabulary
from marsad.document import Document
from marsad.encoders.loading import Encoder, load_encoder
from marsad.errors import ConfigError
from marsad.losses import IGNORED
from marsad.modeling import without_pooler


@pytest.fixture(scope="module")
def base(unigram_encoder) -> Encoder:
    encoder = load_encoder(str(unigram_encoder))
    without_pooler(encoder.model)
    return encoder


@pytest.fixture(scope="module")
def adapted(base: Encoder, documents: list[Document]) -> Encoder:
    lines = [line for d in documents for line in d.text.splitlines() if line.strip()]
    tokenizer = learn_vocabulary(lines, base.tokenizer, VocabularyConfig(size=900, least=2))
    return Encoder(with_vocabulary(base, tokenizer), tokenizer, "marks")


@pytest.fixture(scope="module")
def rows(documents: list[Document]) -> list[dict[str, str]]:
    return [{"text": " ".join(d.text.split()[:30])} for d in documents[:6]]


def collator(base: Encoder, adapted: Encoder) -> PairCollator:
    return PairCollator(
        base.tokenizer.backend_tokenizer,
        adapted.tokenizer.backend_tokenizer,
        pads=(base.special.pad, adapted.special.pad),
    )


def test_words_are_numbered_alike_on_both_sides(base: Encoder, adapted: Encoder, rows):
    batch = collator(base, adapted)(rows)
    for row, own in enumerate(rows):
        words = own["text"].split()
        for side, encoder in (("teacher", base), ("student", adapted)):
            owners = batch[f"{side}_words"][row]
            first = int(owners[owners >= 0].min())
            for number, word in enumerate(words):
                ids = batch[f"{side}_ids"][row][owners == first + number].tolist()
                tokens = encoder.tokenizer.convert_ids_to_tokens(ids)
                assert "".join(tokens).replace("▁", "") == word
    assert int(batch["teacher_words"].max()) + 1 == sum(len(r["text"].split()) for r in rows)


def test_a_word_stands_where_it_stands_for_the_teacher(base: Encoder, adapted: Encoder, rows):
    batch = collator(base, adapted)(rows)
    for row in range(len(rows)):
        taught, learnt = batch["teacher_words"][row], batch["student_words"][row]
        for number in learnt[learnt >= 0].unique():
            place = int((taught == number).nonzero()[0])
            own = batch["student_positions"][row][learnt == number]
            assert own.tolist() == list(range(place, place + len(own)))
        last = int(batch["student_mask"][row].sum()) - 1
        assert batch["student_positions"][row][last] == batch["teacher_mask"][row].sum() - 1


def test_means_are_over_the_tokens_of_a_word():
    hidden = torch.arange(12.0).reshape(2, 3, 2)
    owners = torch.tensor([[0, 0, -1], [2, -1, 2]])
    means, known = word_means(hidden, owners, 4)
    assert known.tolist() == [True, False, True, False]
    assert means[0].tolist() == [1.0, 2.0]
    assert means[2].tolist() == [8.0, 9.0]


def test_with_the_same_pieces_nothing_is_left_to_learn(base: Encoder, rows):
    same = PairCollator(
        base.tokenizer.backend_tokenizer,
        base.tokenizer.backend_tokenizer,
        pads=(base.special.pad, base.special.pad),
    )
    new = torch.zeros(len(base.tokenizer), dtype=torch.bool)
    module = VectorDistillation(base.model, base.model, 2, new=new, layers_learn=False)
    assert module(**same(rows))["loss"].item() < 1e-9


@pytest.mark.parametrize("layers_learn", [False, True])
def test_only_new_vectors_learn_and_the_loss_falls(
    base: Encoder, adapted: Encoder, rows, layers_learn: bool
):
    new = new_pieces(base, adapted.tokenizer)
    module = VectorDistillation(
        base.model, adapted.model, 2, new=new, layers_learn=layers_learn
    ).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    batch = collator(base, adapted)(rows)
    learning = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-2, weight_decay=0)
    losses = []
    for _ in range(20):
        loss = module(**batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    changed = {n for n, v in module.state_dict().items() if not torch.equal(v, before[n])}
    vectors = "student.embeddings.word_embeddings.weight"
    assert vectors in changed
    assert (changed == {vectors}) is not layers_learn
    assert not any(name.startswith("teacher.") for name in changed)
    moved = (module.state_dict()[vectors] != before[vectors]).any(1)
    assert not (moved & ~new).any()


def test_the_lowest_layers_give_what_the_encoder_gives_there(base: Encoder, rows):
    ids = torch.tensor([base.tokenizer(rows[0]["text"]).input_ids])
    with torch.inference_mode():
        states = base.model.eval()(input_ids=ids, output_hidden_states=True).hidden_states
        low = lowest_layers(base.model, 2).eval()(input_ids=ids).last_hidden_state
    assert torch.allclose(low, states[2], atol=1e-5)


def test_a_layer_that_is_not_there_is_refused(base: Encoder):
    with pytest.raises(ConfigError, match=r"vectors\.layer: 9, but the encoder has 3 layers"):
        lowest_layers(base.model, 9)


def test_whole_words_are_masked_and_asked(adapted: Encoder, rows):
    batch = MaskCollator(adapted.tokenizer, 0.4, seed=3)(rows)
    mask = adapted.tokenizer.mask_token_id
    masked = asked = 0
    for row, own in enumerate(rows):
        encoding = adapted.tokenizer.backend_tokenizer.encode(own["text"])
        ids, labels = (batch[k][row][: len(encoding.ids)] for k in ("input_ids", "labels"))
        chosen = labels != IGNORED
        assert labels[chosen].tolist() == np.array(encoding.ids)[chosen.numpy()].tolist()
        assert ids[~chosen].tolist() == np.array(encoding.ids)[~chosen.numpy()].tolist()
        assert not chosen[[0, -1]].any()
        for word in {w for w in encoding.word_ids if w is not None}:
            inside = torch.tensor([w == word for w in encoding.word_ids])
            assert chosen[inside].all() or not chosen[inside].any()
        masked += int((ids[chosen] == mask).sum())
        asked += int(chosen.sum())
    assert 0.25 < asked / int(batch["attention_mask"].sum()) < 0.55
    assert 0.65 < masked / asked < 0.95


def test_masks_depend_on_text_seed_and_epoch_alone(adapted: Encoder, rows):
    collator = MaskCollator(adapted.tokenizer, 0.15, seed=5)
    one = collator(rows)
    torch.rand(10)
    other = MaskCollator(adapted.tokenizer, 0.15, seed=5)(rows[::-1])
    for row in range(len(rows)):
        own, theirs = one["labels"][row], other["labels"][len(rows) - 1 - row]
        assert torch.equal(own, theirs)
    collator.epoch = 1
    assert not torch.equal(collator(rows)["labels"], one["labels"])


def test_the_loss_is_that_of_the_whole_table_at_the_masks(adapted: Encoder, rows):
    torch.manual_seed(0)
    module = MaskedWords(adapted.model).eval()
    batch = MaskCollator(adapted.tokenizer, 0.3, seed=1)(rows)
    with torch.inference_mode():
        hidden = module.encoder(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
        ).last_hidden_state
        hidden = module.norm(torch.nn.functional.gelu(module.dense(hidden)))
        logits = hidden @ piece_vectors(adapted.model).T + module.bias
        expected = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED
        )
        assert torch.allclose(module(**batch)["loss"], expected, atol=1e-5)
