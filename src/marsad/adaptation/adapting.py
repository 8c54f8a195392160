"""An adaptation, from base and texts to an encoder; one that was killed goes on where it was."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Value
from datasets.exceptions import DatasetGenerationError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerFast, TrainerCallback, set_seed

from marsad import __version__
from marsad.adaptation.blocks import cut_blocks
from marsad.adaptation.distillation import PairCollator, VectorDistillation
from marsad.adaptation.masking import MaskCollator, MaskedWords
from marsad.adaptation.settings import AdaptConfig
from marsad.adaptation.stages import run_stage
from marsad.adaptation.teaching import check_learner, learn_labels, taught_by
from marsad.adaptation.texts import TextSource
from marsad.adaptation.transfer import new_pieces, with_vocabulary
from marsad.adaptation.vocabulary import learn_vocabulary
from marsad.checkpoints import FOLDER, Checkpoints
from marsad.encoders.loading import Encoder, encoder_digests, load_encoder
from marsad.errors import ConfigError, DataError
from marsad.failures import failures_explained
from marsad.files import system_errors
from marsad.mixture import own_code
from marsad.modeling import without_pooler
from marsad.processes import main_first, this_process
from marsad.tensors import write_tensors
from marsad.text.cleaning import CLEANINGS

log = logging.getLogger(__name__)

STAGES = ("vocabulary", "vectors", "masking", "teaching")
_DONE = "encoder.safetensors"  # in the folder of a stage once it is done
_TEXT = Features({"text": Value("string")})

# Is shown what an encoder has become, and by what.
Watch = Callable[[str, Encoder], None]


def _unwatched(name: str, encoder: Encoder) -> None:
    """Look at nothing."""


def adapt(config: AdaptConfig, *, watch: Watch = _unwatched) -> Encoder:
    """Go through the stages of a configuration and return the encoder.

    Args:
        config: the adaptation.
        watch: is shown the base and, by the name of the stage, what each made of it; the masked
            words' also at each ``masking.show_steps``, as ``masking-STEP``.

    Raises:
        ConfigError: a stage in the folder is of another configuration, or does not fit the base.
        DataError: a text is missing or cannot be read, or has nothing to learn from.
        ModelError: the base cannot be loaded.
        TrainingError: a loss became no number, or memory or disk ran out.
    """
    _check(config)
    set_seed(config.seed)
    base = load_encoder(config.base)
    if config.max_tokens > base.most_tokens:
        raise ConfigError(
            f"max_tokens: {config.max_tokens}, but the base has {base.most_tokens} positions; "
            "give at most that"
        )
    without_pooler(base.model)
    watch("base", base)
    encoder = replace(base, cleaning=config.cleaning)
    if config.vocabulary:
        tokenizer = vocabulary(config, base)
        encoder = Encoder(with_vocabulary(base, tokenizer), tokenizer, config.cleaning)
        watch("vocabulary", encoder)
    if config.vectors:
        _learnt(encoder, config, "vectors", partial(_learn_vectors, config, base, encoder))
        watch("vectors", encoder)
    if config.masking:
        _learnt(encoder, config, "masking", partial(_learn_masked, config, encoder, watch))
        watch("masking", encoder)
    if config.teaching:
        _learnt(encoder, config, "teaching", partial(_learn_labels, config, encoder))
        watch("teaching", encoder)
    return encoder


def _check(config: AdaptConfig) -> None:
    """Refuse what a later stage would, before hours are spent on the first.

    Raises:
        ConfigError: the run that learns the labels has an error.
        DataError: there is nothing to learn from, or nothing is held out of it.
        ModelError: a model that is to label is no model.
    """
    source = source_of(config)
    for held_out in (False, True):
        if next(source.paragraphs(held_out=held_out), None) is None:
            raise DataError("texts: hold too few articles; give more, or another share to held_out")
    if config.teaching:
        taught_by(config.teaching)
        check_learner(config.teaching)


def vocabulary(config: AdaptConfig, base: Encoder) -> PreTrainedTokenizerFast:
    """Return the tokenizer of an adaptation that has a vocabulary of its own, learnt once."""
    assert config.vocabulary
    stage = _open(config, "vocabulary").path
    folder, begun = stage / "tokenizer", stage / "begun"  # one that is named so is whole
    with main_first():
        if not folder.exists():
            log.info("learning %d pieces", config.vocabulary.size)
            text = source_of(config).paragraphs(held_out=False)
            learnt = learn_vocabulary(text, base.tokenizer, config.vocabulary)
            shutil.rmtree(begun, ignore_errors=True)
            with system_errors(begun):
                learnt.save_pretrained(begun)
            begun.rename(folder)
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return tokenizer


def stage_folder(config: AdaptConfig, stage: str) -> Path:
    """Return where a stage keeps its checkpoints, its log and what it made."""
    return config.output / FOLDER / stage


def forget(config: AdaptConfig) -> None:
    """Remove what an adaptation keeps while it is not done: stages, checkpoints and probes."""
    for stage in STAGES:  # each may be told from one that is done whenever this is broken off
        Checkpoints(stage_folder(config, stage)).remove()
    shutil.rmtree(config.output / FOLDER, ignore_errors=True)


def source_of(config: AdaptConfig) -> TextSource:
    """Return the texts of an adaptation."""
    return TextSource(config.texts, config.corpora, CLEANINGS[config.cleaning], config.held_out)


def tokenizers_of(config: AdaptConfig, base: Encoder, encoder: Encoder) -> tuple[Tokenizer, ...]:
    """Return what the blocks of an adaptation's last stage are read by."""
    own = encoder.tokenizer.backend_tokenizer
    if config.masking or not config.vectors:
        return (own,)
    return base.tokenizer.backend_tokenizer, own


def blocks_of(config: AdaptConfig, tokenizers: Sequence[Tokenizer], *, held_out: bool) -> Dataset:
    """Return the blocks of text that are learnt from, or those held out, kept on disk.

    Args:
        config: the adaptation.
        tokenizers: no block has more pieces than ``max_tokens`` by any of these.
        held_out: which of the articles.

    Raises:
        DataError: a text cannot be read.
    """
    source = source_of(config)
    known_by = {
        "source": source,
        "tokenizers": tuple(tokenizers),
        "most": config.max_tokens,
        "held_out": held_out,
        "digest": (source.digests(), own_code()),
    }
    try:
        blocks = Dataset.from_generator(_cut, features=_TEXT, gen_kwargs=known_by)
    except DatasetGenerationError as error:
        raise error.__cause__ or error from None
    return blocks


def _cut(
    source: TextSource,
    tokenizers: Sequence[Tokenizer],
    most: int,
    held_out: bool,
    digest: object,
) -> Iterator[dict[str, str]]:
    """Yield blocks. The digest, of data and code, is in the name that they are kept under."""
    for block in cut_blocks(source.paragraphs(held_out=held_out), tokenizers, most):
        yield {"text": block}


def _learnt(encoder: Encoder, config: AdaptConfig, stage: str, learn: Callable[[], None]) -> None:
    """Let an encoder learn in a stage, or take the weights that it ended with before."""
    checkpoints = _open(config, stage)
    done = checkpoints.path / _DONE
    to_do = not done.exists()
    this_process().wait_for_everyone()  # all have seen the same before it may be written
    if to_do:
        set_seed(config.seed)  # what came before may have been taken from disk
        learn()
        if this_process().is_main_process:
            with failures_explained(checkpoints):
                write_tensors(weights_of(encoder), done)
        this_process().wait_for_everyone()
    encoder.model.load_state_dict(load_file(done))


def weights_of(encoder: Encoder) -> dict[str, Tensor]:
    """Return an encoder's weights by name, on the CPU."""
    return {n: w.contiguous().cpu() for n, w in encoder.model.state_dict().items()}


def _learn_vectors(config: AdaptConfig, base: Encoder, encoder: Encoder) -> None:
    options = config.vectors
    assert options
    rates = {True: options.learning_rate, False: options.layers_learning_rate}
    module = VectorDistillation(
        base.model,
        encoder.model,
        options.layer,
        new=new_pieces(base, encoder.tokenizer),
        layers_learn=options.layers_learning_rate > 0,
    )
    tokenizers = base.tokenizer.backend_tokenizer, encoder.tokenizer.backend_tokenizer
    collator = PairCollator(*tokenizers, pads=(base.special.pad, encoder.special.pad))
    checkpoints = _open(config, "vectors")
    learnt, apart = _both_blocks(config, tokenizers)
    run_stage(
        "vectors",
        module,
        options,
        blocks=learnt,
        held_out=apart,
        collator=collator,
        held_out_collator=collator,
        checkpoints=checkpoints,
        seed=config.seed,
        rate=lambda name: rates[".embeddings." in name],
    )
    encoder.model.load_state_dict(module.student.state_dict(), strict=False)


def _learn_masked(config: AdaptConfig, encoder: Encoder, watch: Watch) -> None:
    options, tokenizer = config.masking, encoder.tokenizer
    assert options
    learnt, apart = _both_blocks(config, (tokenizer.backend_tokenizer,))
    collator, still = (MaskCollator(tokenizer, options.share, seed=config.seed) for _ in range(2))
    run_stage(
        "masking",
        MaskedWords(encoder.model),
        options,
        blocks=learnt,
        held_out=apart,
        collator=collator,
        held_out_collator=still,
        checkpoints=_open(config, "masking"),
        seed=config.seed,
        callbacks=[_Epochs(collator), _Shown(encoder, options.show_steps, watch)],
    )


def _both_blocks(config: AdaptConfig, tokenizers: Sequence[Tokenizer]) -> tuple[Dataset, Dataset]:
    """Return the blocks that are learnt from and those held out; one process cuts them."""
    with main_first():
        learnt, apart = (blocks_of(config, tokenizers, held_out=own) for own in (False, True))
    return learnt, apart


def _learn_labels(config: AdaptConfig, encoder: Encoder) -> None:
    assert config.teaching
    learn_labels(config.teaching, encoder, source_of(config), _open(config, "teaching").path)


class _Epochs(TrainerCallback):
    """Tells a collator which epoch it masks for, so that no text is always masked alike."""

    def __init__(self, collator: MaskCollator) -> None:
        self.collator = collator

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Count the epochs that are done; one in which a run goes on is not."""
        self.collator.epoch = int(state.epoch + 1e-6)


class _Shown(TrainerCallback):
    """Shows an encoder that learns, every so many steps."""

    def __init__(self, encoder: Encoder, every: int, watch: Watch) -> None:
        self.encoder = encoder
        self.every = every
        self.watch = watch

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Count the steps; the last is shown when the stage is done."""
        shown = self.every and state.global_step % self.every == 0
        if shown and state.global_step < state.max_steps:
            self.watch(f"masking-{state.global_step}", self.encoder)


def _open(config: AdaptConfig, stage: str) -> Checkpoints:
    """Return the checkpoints of a stage, after what they are of was compared."""
    checkpoints = Checkpoints(stage_folder(config, stage))
    with main_first():
        checkpoints.open(_record(config, stage))
    return checkpoints


def _record(config: AdaptConfig, stage: str) -> dict[str, object]:
    """Return what must be the same for a stage to be taken as done, or to go on."""
    upto = STAGES[: STAGES.index(stage) + 1]
    values = config.model_dump(mode="json", include={"base", "seed", *upto})
    files = encoder_digests(config.base)
    return {
        "version": __version__,
        **values,
        **_text_record(config),
        **({"base_files": files} if files else {}),
        **(taught_by(config.teaching) if stage == "teaching" and config.teaching else {}),
    }


def _text_record(config: AdaptConfig) -> dict[str, object]:
    """Return what the blocks are made of."""
    values = config.model_dump(mode="json", include={"cleaning", "held_out", "max_tokens"})
    return {**values, "texts": source_of(config).digests()}
