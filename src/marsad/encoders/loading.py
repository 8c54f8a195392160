"""Where an encoder comes from: a builtin name, a local folder or the hub.

Nothing is substituted silently: an encoder that cannot be had is an error that names the other
ways, and one that needs text we do not make is refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from transformers import AutoConfig, AutoModel, AutoTokenizer, PretrainedConfig, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from marsad.encoders import compact
from marsad.encoders.builtin import NAMES, builtin_folder
from marsad.encoders.own import BUILTIN, OWN, own_folder
from marsad.errors import ConfigError, ModelError
from marsad.files import sha256
from marsad.model_folder import ARCHITECTURE, SETTINGS_KEY
from marsad.text.cleaning import CLEANINGS, PLACEHOLDERS, CleaningName, read_cleaning
from marsad.text.windows import SpecialIds

CLEANING_KEY = "marsad_cleaning"  # of the config of an encoder that says what it wants

# What the text of an encoder's pre-training had gone through, by what its name holds: AraBERT and
# AraELECTRA (Antoun et al. 2020, 2021), CAMeLBERT (Inoue et al. 2021, "The Interplay of Variant,
# Size, and Task Type in Arabic Pre-trained Language Models"), ARBERT and MARBERT (Abdul-Mageed et
# al. 2021, "ARBERT & MARBERT: Deep Bidirectional Transformers for Arabic"; the strings that stand
# for links, users and hashtags there are left out: hashtags hold names). The builtin encoder saw
# text as it is on the web, where vowels are rare.
FAMILIES: tuple[tuple[str, CleaningName], ...] = (
    ("arabert", "arabert"),
    ("araelectra", "arabert"),
    ("camelbert", "marks"),
    ("arbert", "marks"),
    (BUILTIN, "marks"),
)

# AraBERT v1 and v2 read text that Farasa, a Java program, has cut into morphemes: ال+ كتاب
_SEGMENTED_NAME = re.compile(r"arabert(v1|v2)?$")
_SEGMENTED_PIECE = re.compile(r"[ء-ي]+\+|\+[ء-ي]+")


@dataclass(frozen=True)
class Encoder:
    """A pre-trained encoder, its tokenizer, and the cleaning that its name calls for."""

    model: PreTrainedModel
    tokenizer: Tokenizer
    cleaning: CleaningName

    @property
    def most_tokens(self) -> int:
        """How many pieces of a window have a position; RoBERTa's count from behind the padding."""
        positions: int = self.model.config.max_position_embeddings
        embeddings = getattr(self.model, "embeddings", None)
        table = getattr(embeddings, "position_embeddings", None)
        offset = getattr(table, "padding_idx", None)
        return positions if offset is None else positions - offset - 1

    @property
    def special(self) -> SpecialIds:
        """Ids of the start, end and padding tokens."""
        tokenizer = self.tokenizer
        return SpecialIds(tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)


def load_encoder(name: str, *, dropout: float | None = None) -> Encoder:
    """Load an encoder by builtin name, folder or hub id, with its own dropout or the given one.

    Raises:
        ConfigError: its dropout cannot be set.
        ModelError: it cannot be found or read, has no start, end or padding token, or reads only
            text cut into morphemes.
    """
    if _SEGMENTED_NAME.search(_short(name)):
        raise _segmented(name)
    source = _locate(name)
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        if dropout is not None:
            _set_dropout(config, dropout)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        if any(_SEGMENTED_PIECE.fullmatch(piece) for piece in tokenizer.get_vocab()):
            raise _segmented(name)
        model = _load_model(source, config)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"encoder {name!r} cannot be loaded ({reason}); give a folder with config.json, "
            f"tokenizer.json and model.safetensors, or {BUILTIN}{NAMES[0]}, which needs no hub"
        ) from None
    _check_special(name, tokenizer)
    tokenizer.add_tokens([word for word in PLACEHOLDERS if word in tokenizer.get_vocab()])
    return Encoder(model, tokenizer, _cleaning(config, name))


def encoder_digests(name: str) -> Mapping[str, str]:
    """Return the SHA-256 of an encoder's files where they lie here; others have versions."""
    folder = own_folder() if name == f"{BUILTIN}{OWN}" else Path(name)
    if not folder.is_dir():
        return {}
    files = [*folder.glob("*.safetensors"), folder / "tokenizer.json", folder / "config.json"]
    return {path.name: sha256(path) for path in sorted(files) if path.is_file()}


def _set_dropout(config: PretrainedConfig, dropout: float) -> None:
    for key in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        if not hasattr(config, key):
            raise ConfigError(
                f"model.encoder_dropout: an encoder of type {config.model_type} has its dropout "
                "elsewhere than BERT has; leave it out"
            )
        setattr(config, key, dropout)


def _check_special(name: str, tokenizer: Tokenizer) -> None:
    for token in ("cls", "sep", "pad"):
        if getattr(tokenizer, f"{token}_token_id") is None:
            raise ModelError(
                f"encoder {name!r} has no {token} token; take one that reads as BERT does"
            )


def _cleaning(config: PretrainedConfig, name: str) -> CleaningName:
    """Return the cleaning that an encoder's config names, or else its own name calls for."""
    stated = getattr(config, CLEANING_KEY, None)
    if settings := getattr(config, SETTINGS_KEY, None):  # a model of ours
        steps = read_cleaning(settings["cleaning"])
        stated = next((name for name, own in CLEANINGS.items() if own == steps), stated)
    if stated is None:
        short = _short(name)
        return next((cleaning for part, cleaning in FAMILIES if part in short), "none")
    for cleaning in CLEANINGS:
        if cleaning == stated:
            return cleaning
    raise ModelError(f"encoder {name!r}: {CLEANING_KEY} {stated!r} is unknown; take it anew")


def _short(name: str) -> str:
    """Return the last part of a name, by which families of encoders are known."""
    return name.rstrip("/").rpartition("/")[2].lower()


def _load_model(source: str, config: PretrainedConfig) -> PreTrainedModel:
    """Load weights, those in eight bits where a folder has them."""
    small = Path(source) / compact.FILE
    if not small.exists():
        whole, info = AutoModel.from_pretrained(
            source,
            config=config,
            use_safetensors=True,
            key_mapping={r"^encoder\.": ""} if _is_joint(config) else None,
            output_loading_info=True,
        )
        _check_whole(source, info["missing_keys"])
        return cast(PreTrainedModel, whole)
    model: PreTrainedModel = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    weights = compact.load_compact(small)
    try:
        missing = model.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:
        raise ValueError(f"{small} does not fit its config: {error}") from None
    _check_whole(str(small), missing)
    return model


def _is_joint(config: PretrainedConfig) -> bool:
    """Say whether the weights are a joint model's of ours, the encoder a part of them."""
    return config.architectures == [ARCHITECTURE]


def _check_whole(source: str, missing: Iterable[str]) -> None:
    """Refuse weights that would be left to chance, but for a pooler's, which no head of ours reads.

    Raises:
        ValueError: some are missing.
    """
    lacking = sorted(name for name in missing if not name.startswith("pooler."))
    if lacking:
        raise ValueError(f"{source} lacks {len(lacking)} weights, {lacking[0]} among them")


def _segmented(name: str) -> ModelError:
    return ModelError(
        f"encoder {name!r} reads only text that Farasa has cut into morphemes (ال+ كتاب); take a "
        "v0.2 one, which reads text as it is, such as aubmindlab/bert-base-arabertv02"
    )


def _locate(name: str) -> str:
    if name.startswith(BUILTIN):
        return str(builtin_folder(name.removeprefix(BUILTIN)))
    if Path(name).is_dir():
        return name
    if name.startswith((".", "/", "~")):
        raise ModelError(f"encoder {name!r}: no such folder; check `encoder:` in the configuration")
    return name
