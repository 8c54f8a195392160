"""Where an encoder comes from: a builtin name, a local folder or the hub.

Nothing is substituted silently: an encoder that cannot be had is an error that names the other
ways.
"""

from dataclasses import dataclass
from pathlib import Path

from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from marsad.encoders.builtin import NAMES, builtin_folder
from marsad.errors import ModelError
from marsad.text.windows import SpecialIds

BUILTIN = "builtin:"


@dataclass(frozen=True)
class Encoder:
    """A pre-trained encoder and its tokenizer."""

    model: PreTrainedModel
    tokenizer: Tokenizer

    @property
    def special(self) -> SpecialIds:
        """Ids of the start, end and padding tokens."""
        tokenizer = self.tokenizer
        return SpecialIds(tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)


def load_encoder(name: str) -> Encoder:
    """Load an encoder by builtin name, folder or hub id.

    Raises:
        ModelError: it cannot be found or read.
    """
    source = _locate(name)
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = AutoModel.from_pretrained(source, config=config, use_safetensors=True)
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"encoder {name!r} cannot be loaded ({reason}); give a folder with config.json, "
            f"tokenizer.json and model.safetensors, or {BUILTIN}{NAMES[0]}, which needs no hub"
        ) from None
    return Encoder(model, tokenizer)


def _locate(name: str) -> str:
    if name.startswith(BUILTIN):
        return str(builtin_folder(name.removeprefix(BUILTIN)))
    if Path(name).is_dir():
        return name
    if name.startswith((".", "/", "~")):
        raise ModelError(f"encoder {name!r}: no such folder; check `encoder:` in the configuration")
    return name
