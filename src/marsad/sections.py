"""The sections of a configuration: frozen, closed types with their defaults and limits."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    Tag,
    model_validator,
)

from marsad.text.windows import Pooling

PREFIX = "public:"  # of the names of public corpora and benchmarks

SEEDS = 2**32  # how many there are

Precision = Literal["auto", "fp32", "bf16"]
Schedule = Literal["linear", "cosine", "constant"]
Keep = Literal["best", "mean"]
Tracker = Literal["trackio", "tensorboard"]
Opset = Literal[20, 23]
Annotation = Literal["both", "entities", "events"]


class Section(BaseModel):
    """A part of the configuration: frozen, and closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False
    )


class MixturePart(Section):
    """A corpus to learn from besides ``data.train``: a file of ours, or ``public:NAME``."""

    corpus: str
    share: float = Field(1.0, gt=0, description="how often an epoch holds each of its windows")
    annotates: Annotation = Field(
        "both", description="what people annotated in a file of ours; the rest is unknown"
    )

    @model_validator(mode="after")
    def _public_corpora_speak_for_themselves(self) -> Self:
        if self.annotates != "both" and self.corpus.startswith(PREFIX):
            raise ValueError(f"annotates: {self.corpus} has labels of its own; leave it out")
        return self

    def tells(self, kind: Literal["entities", "events"]) -> bool:
        """Say whether its annotation is of a kind."""
        return self.annotates in ("both", kind)


class DataConfig(Section):
    """Corpora: files of JSON Lines in the document format, or ``public:NAME``."""

    train: str | None = Field(None, description="may be left out where `mixture` is given")
    dev: str
    test: str
    mixture: tuple[MixturePart, ...] = ()
    corpora: Path | None = Field(
        None, description="folder of the public corpora; by default what MARSAD_CORPORA names"
    )

    @model_validator(mode="after")
    def _something_to_learn_from(self) -> Self:
        if self.train is None and not self.mixture:
            raise ValueError("give train, mixture or both")
        return self

    @model_validator(mode="after")
    def _what_is_learnt_from_is_held_out_of_the_rest(self) -> Self:
        learnt = [Path(part.corpus).resolve() for part in self.parts]
        for key in ("dev", "test"):  # of public corpora, what is learnt from has names of its own
            path = getattr(self, key)
            if not path.startswith(PREFIX) and Path(path).resolve() in learnt:
                raise ValueError(f"{key}: {path} is learnt from; give another file")
        if len(set(learnt)) < len(learnt):
            raise ValueError("mixture: a corpus is given twice; give it once, with a larger share")
        return self

    @property
    def parts(self) -> tuple[MixturePart, ...]:
        """All corpora to learn from, the run's own first."""
        own = (MixturePart(corpus=self.train),) if self.train else ()
        return own + self.mixture


class WindowConfig(Section):
    """How documents are cut for the encoder."""

    max_tokens: int = Field(
        192, ge=16, le=8192, description="pieces in a window, specials included"
    )
    overlap: int = Field(24, ge=0, description="words shared by the parts of a sentence cut in two")
    context: int = Field(
        0, ge=0, description="pieces of the text before and after a window that it shows, each"
    )

    @model_validator(mode="after")
    def _own_text_has_room(self) -> Self:
        if self.overlap * 4 > self.max_tokens:
            raise ValueError("overlap may be at most a quarter of max_tokens")
        if self.context * 4 > self.max_tokens:
            raise ValueError("context may be at most a quarter of max_tokens")
        return self


class ModelConfig(Section):
    """Heads over the encoder."""

    dropout: float = Field(0.1, ge=0, lt=1, description="before the heads")
    encoder_dropout: float | None = Field(
        None, ge=0, lt=1, description="inside the encoder; by default what its checkpoint says"
    )
    pooling: Pooling = Field(
        "attention",
        description="what the event head reads: the sentence's tokens, weighted for each type, "
        "or the first token of a window that holds one sentence, as transformers' classes do",
    )
    crf: bool = Field(False, description="a linear-chain CRF over the tags")
    family_thresholds: bool = Field(
        False,
        description="report the likeliest type of a family that is likely while none of its types "
        "is, where that gains on dev",
    )


class Asymmetric(Section):
    """Asymmetric loss of the event types (Ridnik et al. 2021)."""

    gamma_positive: float = Field(0.0, ge=0)
    gamma_negative: float = Field(4.0, ge=0)
    clip: float = Field(0.05, ge=0, lt=1, description="absent types below it cost nothing")


class LossConfig(Section):
    """What each head's loss weighs, and its form for skewed labels."""

    entity_weight: float = Field(1.0, ge=0)
    clitic_weight: float = Field(0.3, ge=0)
    event_weight: float = Field(1.0, ge=0)
    realis_weight: float = Field(0.3, ge=0)
    event_positive_weight: float = Field(
        1.0, gt=0, description="weight of a present event type against an absent one"
    )
    class_balance: float = Field(
        0.0, ge=0, lt=1, description="beta of weights by effective number (Cui et al. 2019)"
    )
    focal_gamma: float = Field(0.0, ge=0, description="of tags and types (Lin et al. 2017)")
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    asymmetric: Asymmetric | None = Field(None, description="of types, instead of focal_gamma")
    rdrop: float = Field(
        0.0, ge=0, description="weight of the divergence of two passes (Liang et al. 2021)"
    )
    adversarial: float = Field(
        0.0, ge=0, description="length of a step against the loss (Miyato et al. 2017); 0: none"
    )

    @property
    def unweighted(self) -> set[str]:
        """The heads that learn nothing, of ``proclitics`` and ``realis``."""
        weights = {"proclitics": self.clitic_weight, "realis": self.realis_weight}
        return {head for head, weight in weights.items() if not weight}


class HeadsFirst(Section):
    """Epochs, before all others, in which the heads learn from the still encoder."""

    epochs: int = Field(0, ge=0)
    learning_rate: float = Field(3e-3, gt=0)
    windows: int = Field(
        5000, ge=1, description="at most so many are read for it; their features stay in memory"
    )


class Lora(Section):
    """Low-rank adapters in place of the encoder's own weights (Hu et al. 2022)."""

    rank: int = Field(8, ge=1)
    alpha: float = Field(16.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)


class Optimisation(Section):
    """What any training says of its steps."""

    batch_size: int = Field(8, ge=1, description="windows in a step, over all processes")
    accumulate: int = Field(1, ge=1, description="parts that each process cuts its share of it in")
    learning_rate: float = Field(2e-4, gt=0)
    schedule: Schedule = "linear"
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps")
    weight_decay: float = Field(0.01, ge=0)
    precision: Precision = Field("auto", description="auto: bf16 where the device computes in it")


class TrainConfig(Optimisation):
    """Optimisation of a run."""

    epochs: float = Field(8, gt=0)
    learning_rate: float = Field(2e-4, gt=0, description="of the encoder's last layer")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="of the learning rate from a layer to the one below"
    )
    head_learning_rate: float = Field(1e-3, gt=0, description="of the heads")
    heads_first: HeadsFirst = HeadsFirst()
    freeze_embeddings: bool = Field(
        False, description="keep the encoder's piece vectors as they are"
    )
    freeze_layers: int = Field(0, ge=0, description="of the encoder, from the lowest, kept too")
    lora: Lora | None = Field(None, description="train adapters alone; merged when saved")
    ema: float = Field(
        0.0, ge=0, lt=1, description="decay of the running mean of weights that is scored and kept"
    )
    word_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of words that a step hides behind the mask token (Bowman et al. 2016)",
    )
    oversample: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="windows with a label that fewer than this share of their corpus hold come "
        "more often (Gupta et al. 2019)",
    )
    careless_spelling: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of windows that are read as careless copy writes them, without hamzas "
        "and without the dots of ة and ى",
    )
    gradient_checkpointing: bool = Field(False, description="less memory for more time")
    compile: bool = Field(False, description="torch.compile the model")
    save_steps: int = Field(
        0, ge=0, description="steps between checkpoints; by default one after each epoch"
    )
    trackers: tuple[Tracker, ...] = Field((), description="where metrics go besides metrics.jsonl")
    data_seed: int | None = Field(
        None, ge=0, lt=SEEDS, description="of the windows' order and of dropout; by default `seed`"
    )
    seeds: tuple[Annotated[int, Field(ge=0, lt=SEEDS)], ...] = Field(
        (), description="train once with each and keep the best on dev; instead of `seed`"
    )
    keep: Keep = Field(
        "best",
        description="mean: `seeds` are data seeds, and the mean of the runs' weights is kept "
        "(Wortsman et al. 2022)",
    )


class Range(Section):
    """Values of one key between two bounds; integers where both bounds are written as such."""

    low: int | FiniteFloat
    high: int | FiniteFloat
    log: bool = False

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("low must lie under high, and above 0 where log is set")
        return self


def _form(value: object) -> str:
    return "range" if isinstance(value, (dict, Range)) else "list"


Choice = Annotated[
    Annotated[Range, Tag("range")] | Annotated[tuple[Any, ...], Field(min_length=1), Tag("list")],
    Discriminator(_form),
]


class SearchConfig(Section):
    """A search for better values of other keys (``marsad train CONFIG --search``)."""

    trials: int = Field(20, ge=1)
    space: dict[str, Choice] = Field(
        min_length=1, description="key.sub: {low, high, log} or a list of values"
    )


class ExportConfig(Section):
    """ONNX files and the gate they must pass."""

    opset: Opset = Field(
        23,
        description="of ONNX: 23 has attention as one operator and loads sooner, 20 is what "
        "OpenVINO and other providers read",
    )
    int8: bool = True
    fp16: bool = Field(False, description="also write fp16, for GPUs")
    max_difference: float = Field(1e-3, gt=0, description="of logits, ONNX fp32 against torch")
    max_entity_loss: float = Field(
        0.005,
        ge=0,
        le=1,
        description="of strict micro F1 on dev, int8 or fp16 against the checkpoint",
    )
    max_event_loss: float = Field(
        0.02, ge=0, le=1, description="of events' macro F1 on dev, likewise"
    )
    max_flips: float = Field(
        0.08,
        ge=0,
        le=1,
        description="share of mentions and events that only one of the two reports",
    )
