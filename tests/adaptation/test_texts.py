import lzma
from pathlib import Path

import pytest

from marsad.adaptation.blocks import cut_blocks
from marsad.adaptation.settings import OpenText, VocabularyConfig
from marsad.adaptation.texts import TextSource, learnt_and_held_out, locate, read_articles
from marsad.adaptation.vocabulary import learn_vocabulary
from marsad.document import Document
from marsad.encoders.loading import load_encoder
from marsad.errors import DataError
from marsad.text.cleaning import CLEANINGS


def open_text(file: str) -> OpenText:
    return OpenText(file=file, title="t", url="u", licence="MIT")


def test_articles_stand_between_blank_lines_also_compressed(tmp_path: Path):
    content = "\n\nخبر أول\nسطر ثان\n \n\nخبر آخر\n"
    (tmp_path / "a.txt").write_text(content, encoding="utf-8")
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(content.encode()))
    for name in ("a.txt", "a.txt.xz"):
        assert list(read_articles(tmp_path / name)) == ["خبر أول\nسطر ثان", "خبر آخر"]


def test_documents_of_a_corpus_are_articles(tiny_corpus: Path, documents: list[Document]):
    assert list(read_articles(tiny_corpus / "dev.jsonl")) == [d.text for d in documents[6:9]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt.xz", b"no archive", r"a\.txt\.xz: cannot be read .*; take it anew"),
        ("a.txt", b"\xff\xfe\x41", r"a\.txt:1: not UTF-8"),
        ("a.txt", b"", r"a\.txt: empty"),
    ],
)
def test_damaged_texts_are_one_clear_line(tmp_path: Path, name: str, content: bytes, message: str):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_articles(tmp_path / name))


def test_a_missing_text_and_a_missing_folder_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MARSAD_CORPORA", raising=False)
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file; check texts:"):
        locate(open_text("nowhere.txt"), None)
    with pytest.raises(DataError, match="name the corpora's folder"):
        locate(open_text("public:raw/x.txt"), None)


def test_public_texts_lie_among_the_corpora(tmp_path: Path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "x.txt").write_text("خبر", encoding="utf-8")
    assert locate(open_text("public:raw/x.txt"), tmp_path) == tmp_path / "raw" / "x.txt"


def test_what_is_held_out_does_not_depend_on_order_and_is_not_learnt(tmp_path: Path):
    articles = [f"خبر رقم {i} من مراسلنا" for i in range(2000)]
    one = dict(learnt_and_held_out(articles, 0.1))
    assert one == dict(learnt_and_held_out(reversed(articles), 0.1))
    assert 140 < sum(one.values()) < 260
    path = tmp_path / "a.txt"
    path.write_text("\n\n".join(articles), encoding="utf-8")
    sides = [
        set(TextSource((open_text(str(path)),), None, (), 0.1).paragraphs(held_out=apart))
        for apart in (True, False)
    ]
    assert sides[0].isdisjoint(sides[1])
    assert sides[0] | sides[1] == set(articles)


def test_paragraphs_are_cleaned(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("قُتِلَ شخـــص\nَ\n", encoding="utf-8")
    source = TextSource((open_text(str(path)),), None, CLEANINGS["marks"], 1e-9)
    assert list(source.paragraphs(held_out=False)) == ["قتل شخص"]


def test_blocks_are_full_and_hold_every_word_once(unigram_encoder: Path, documents: list[Document]):
    tokenizer = load_encoder(str(unigram_encoder)).tokenizer.backend_tokenizer
    lines = [line for d in documents for line in d.text.splitlines() if line.strip()]
    blocks = list(cut_blocks(lines, [tokenizer], 48))
    assert " ".join(blocks).split() == " ".join(lines).split()
    sizes = [len(tokenizer.encode(block).ids) for block in blocks]
    assert max(sizes) <= 48
    longest = max(
        len(tokenizer.encode(w, add_special_tokens=False).ids) for w in " ".join(lines).split()
    )
    assert min(sizes[:-1]) > 48 - longest


@pytest.mark.parametrize("most", [16, 17, 19, 23, 31, 48, 97])
def test_no_block_has_more_pieces_than_it_may(
    unigram_encoder: Path, documents: list[Document], most: int
):
    """SentencePiece's pieces begin at the blank before their word; they are of that word."""
    tokenizer = load_encoder(str(unigram_encoder)).tokenizer.backend_tokenizer
    lines = [line for d in documents for line in d.text.splitlines() if line.strip()]
    sizes = [len(tokenizer.encode(block).ids) for block in cut_blocks(lines, [tokenizer], most)]
    assert max(sizes) == most


def test_a_block_fits_both_tokenizers(unigram_encoder: Path, documents: list[Document]):
    base = load_encoder(str(unigram_encoder)).tokenizer
    lines = [line for d in documents for line in d.text.splitlines() if line.strip()]
    own = learn_vocabulary(lines, base, VocabularyConfig(size=1500, least=2)).backend_tokenizer
    old = base.backend_tokenizer
    alone, both = (list(cut_blocks(lines, t, 48)) for t in ([own], [old, own]))
    assert max(len(old.encode(block).ids) for block in alone) > 48
    assert max(len(t.encode(block).ids) for block in both for t in (old, own)) == 48
    assert " ".join(both).split() == " ".join(lines).split()


def test_a_word_that_no_block_holds_is_left_out(unigram_encoder: Path):
    tokenizer = load_encoder(str(unigram_encoder)).tokenizer.backend_tokenizer
    assert list(cut_blocks(["قبل " + "ضظغ" * 40 + " بعد"], [tokenizer], 16)) == ["قبل بعد"]
