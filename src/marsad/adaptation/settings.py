"""The configuration of an adaptation: ``train/adapt_encoder.py configs/adapt-encoder.yaml``."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from marsad.config import load_section
from marsad.sections import SEEDS, Optimisation, Section
from marsad.text.cleaning import CleaningName

# Licences, by their SPDX names, that let a model learn from a text and be passed on.
OpenLicence = Literal["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-SA-3.0", "Apache-2.0", "MIT"]


class OpenText(Section):
    """Text to learn from: paragraphs one a line, or a corpus of ours."""

    file: str = Field(
        description="a .txt, .txt.xz or .jsonl file; public:PATH lies among the public corpora"
    )
    title: str
    url: str
    licence: OpenLicence


class VocabularyConfig(Section):
    """The base's pieces that the texts need, and frequent words."""

    size: int = Field(32_000, ge=300, description="pieces, the special ones included")
    least: int = Field(
        3, ge=1, description="how often a piece must be seen to be kept, a word to be added"
    )


class StageConfig(Optimisation):
    """Optimisation of a stage; a step's windows are blocks of text."""

    steps: int = Field(ge=1)
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps")
    check_steps: int = Field(
        500, ge=1, description="steps between checkpoints; the held-out loss is measured at each"
    )


class VectorsConfig(StageConfig):
    """Vectors of new pieces: the lower layers shall give for each word what the old pieces gave."""

    batch_size: int = Field(4, ge=1)
    learning_rate: float = Field(1e-3, gt=0, description="of the new pieces' vectors")
    weight_decay: float = Field(
        0.0, ge=0, le=0, description="none: it would move the pieces that are kept"
    )
    layer: int = Field(4, ge=1, description="the layer whose output is compared")
    layers_learning_rate: float = Field(
        0.0, ge=0, description="of the layers up to that one; 0: they stay as they are"
    )


class MaskingConfig(StageConfig):
    """Pre-training by masked words, the whole encoder learns."""

    batch_size: int = Field(16, ge=1)
    share: float = Field(0.15, gt=0, lt=1, description="of the words that are masked")
    show_steps: int = Field(0, ge=0, description="steps between probes; 0: one when it is done")


class TeachingConfig(Section):
    """Self-training: models label the texts, and the encoder learns what most of them say."""

    models: tuple[Path, ...] = Field(min_length=1, description="model folders")
    words: int = Field(
        400_000, ge=1, description="words to label, of each text as many, of each article its lines"
    )
    article_words: int = Field(
        250, ge=1, description="an article's later lines are left out beyond so many words"
    )
    run: Path = Field(
        description="a run configuration: how labels are learnt, and the dev documents that "
        "tell which checkpoint is best"
    )
    epochs: float = Field(1.0, gt=0, description="instead of the run's")
    heads_windows: int = Field(
        1000, ge=1, description="instead of the run's train.heads_first.windows"
    )
    interpolation: float = Field(
        1.0,
        gt=0,
        le=1,
        description="how far each weight goes from what it was to what was learnt; below 1 less is "
        "forgotten",
    )


class ProbeConfig(Section):
    """What an encoder is worth as it stands: heads alone learn from its output."""

    run: Path = Field(description="a run configuration: its data, windows and heads_first")


class AdaptConfig(Section):
    """One complete adaptation."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    base: str = Field(description="the encoder to begin with: hub id, local folder or builtin:NAME")
    output: Path
    seed: int = Field(13, ge=0, lt=SEEDS)
    corpora: Path | None = Field(
        None, description="folder of the public corpora; by default what MARSAD_CORPORA names"
    )
    texts: tuple[OpenText, ...] = Field(min_length=1)
    cleaning: CleaningName = "marks"
    held_out: float = Field(
        0.01, gt=0, lt=0.5, description="share of the articles that losses are measured on"
    )
    max_tokens: int = Field(128, ge=16, le=512, description="pieces in a block of text")
    vocabulary: VocabularyConfig | None = None
    vectors: VectorsConfig | None = None
    masking: MaskingConfig | None = None
    teaching: TeachingConfig | None = None
    probe: ProbeConfig | None = None

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        if not (self.vocabulary or self.masking or self.teaching):
            raise ValueError("nothing to do: give vocabulary, masking, teaching or several")
        if self.vectors and not self.vocabulary:
            raise ValueError("vectors: there are no new pieces without vocabulary; leave it out")
        return self


def load_adaptation(path: Path, *, overrides: tuple[str, ...] = ()) -> AdaptConfig:
    """Read the configuration of an adaptation, see :func:`marsad.config.load_section`."""
    return load_section(
        AdaptConfig, path, overrides=overrides, example="configs/adapt-encoder.yaml"
    )
