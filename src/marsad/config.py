"""The configuration of a run: one frozen, closed type; YAML is only its serialisation.

Unknown keys are errors that name the nearest known key. ``marsad train CONFIG key.sub=value``
overrides single keys with the same checks.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Self, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from marsad.errors import ConfigError, did_you_mean
from marsad.files import read_text
from marsad.sections import (
    SEEDS,
    DataConfig,
    ExportConfig,
    LossConfig,
    ModelConfig,
    SearchConfig,
    Section,
    TrainConfig,
    WindowConfig,
)
from marsad.tasks import Task
from marsad.text.cleaning import CleaningName

S = TypeVar("S", bound=Section)


class RunConfig(Section):
    """One complete run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    task: Task = "joint"
    encoder: str = Field(description="hub id, local folder, or builtin:NAME")
    cleaning: CleaningName | None = Field(
        None, description="what is done to text for the encoder; by default what its name calls for"
    )
    output: Path
    seed: int = Field(13, ge=0, lt=SEEDS)
    data: DataConfig
    window: WindowConfig = WindowConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    train: TrainConfig = TrainConfig()
    export: ExportConfig = ExportConfig()
    search: SearchConfig | None = None

    @model_validator(mode="after")
    def _events_alone_pool_the_first_token(self) -> Self:
        if self.task == "events" and self.model.pooling != "first":
            raise ValueError(
                "task events is saved as a transformers class: set model.pooling: first"
            )
        return self

    @model_validator(mode="after")
    def _context_is_told_from_the_sentence(self) -> Self:
        # Two short neighbours and what each shows of the other would be one and the same window.
        if self.window.context and self.model.pooling == "first":
            raise ValueError(
                "window.context: a first token cannot say which sentence of its window is meant; "
                "set window.context: 0, or model.pooling: attention"
            )
        return self

    @model_validator(mode="after")
    def _options_reach_the_crf(self) -> Self:
        if self.model.crf and self.task == "events":
            raise ValueError("model.crf: task events has no tags; set model.crf: false")
        for key in ("class_balance", "focal_gamma", "label_smoothing"):
            if self.model.crf and getattr(self.loss, key):
                raise ValueError(
                    f"loss.{key}: does not reach the tags of a CRF; set it to 0, or drop model.crf"
                )
        return self

    @model_validator(mode="after")
    def _options_have_something_to_do(self) -> Self:
        if self.task == "ner" and (self.model.family_thresholds or self.loss.asymmetric):
            raise ValueError(
                "task ner has no events: leave out model.family_thresholds and loss.asymmetric"
            )
        if self.task == "events" and self.loss.asymmetric and self.loss.focal_gamma:
            raise ValueError("loss.focal_gamma: asymmetric takes its place; leave out one of them")
        return self

    def to_yaml(self) -> str:
        """Return the complete configuration, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


# Text that is no YAML; a date of month 13, a number of thousands of digits; brackets in brackets.
_NOT_READ = (yaml.YAMLError, ValueError, RecursionError)


def load_config(path: Path, *, overrides: tuple[str, ...] = ()) -> RunConfig:
    """Read the configuration of a run, see :func:`load_section`."""
    return load_section(RunConfig, path, overrides=overrides, example="configs/joint.yaml")


def load_section(kind: type[S], path: Path, *, overrides: tuple[str, ...] = (), example: str) -> S:
    """Read a configuration file and apply ``key.sub=value`` overrides.

    Relative paths in it are relative to the working directory.

    Args:
        kind: the type of the configuration.
        path: the file.
        overrides: are applied in their order.
        example: names a file of that type, for errors.

    Raises:
        ConfigError: not YAML, an unknown key, a value of the wrong type or out of range.
        DataError: the file is missing, empty or not UTF-8.
    """
    text = read_text(path)
    try:
        raw = yaml.safe_load(text)
    except _NOT_READ as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: a configuration is a mapping of keys; see {example}")
    for override in overrides:
        _apply(raw, override)
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error, kind)}") from None


def with_values(config: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """Return a configuration with other values of ``key.sub``, under the checks of a file.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or out of range.
    """
    raw = config.model_dump(mode="json")
    for key, value in values.items():
        _set(raw, key, value)
    try:
        return RunConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(_first_problem(error, RunConfig)) from None


def _apply(raw: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"override {override!r} is not key.sub=value")
    try:
        _set(raw, key, yaml.safe_load(value))
    except _NOT_READ as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"override {override:.60}: the value is not YAML: {reason}") from None


def _set(raw: dict[str, Any], key: str, value: object) -> None:
    *parents, last = key.split(".")
    section = raw
    for parent in parents:
        child = section.get(parent)
        if child is None:  # a section that is left out, or none by default
            child = section[parent] = {}
        if not isinstance(child, dict):
            raise ConfigError(f"key {key!r}: {parent!r} is no section")
        section = child
    section[last] = value


def _first_problem(error: ValidationError, kind: type[BaseModel]) -> str:
    """Say in one line what is wrong first, and how many problems there are."""
    first, *rest = error.errors()
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        name = str(first["loc"][-1])
        elsewhere = [own for own in _all_keys(kind) if own.rpartition(".")[2] == name]
        near = did_you_mean(name, _keys_beside(first["loc"], kind))
        problem = f"unknown key {key!r}{near or did_you_mean(key, elsewhere, alike=0.0)}"
    elif first["type"] == "missing":
        problem = f"key {key!r} is missing"
    elif first["type"] == "value_error":  # a check of ours, of a whole section or run
        problem = f"{key}: {first['ctx']['error']}" if key else str(first["ctx"]["error"])
    else:
        problem = f"{key}: {first['msg']}, not {first['input']!r}"
    return problem + (f" (and {len(rest)} more)" if rest else "")


def _keys_beside(location: tuple[int | str, ...], section: type[BaseModel]) -> list[str]:
    """Return the keys of the section that a location inside another section lies in."""
    for part in location[:-1]:
        field = section.model_fields.get(str(part))  # none of an index or a key of a mapping
        section = (_section_in(field.annotation) if field else None) or section
    return list(section.model_fields)


def _all_keys(section: type[BaseModel], above: str = "") -> Iterator[str]:
    """Yield the keys of a section and of those inside it, by their paths."""
    for name, field in section.model_fields.items():
        yield f"{above}{name}"
        one = get_origin(field.annotation) in (None, Union, UnionType)  # not of many
        if one and (inside := _section_in(field.annotation)):
            yield from _all_keys(inside, f"{above}{name}.")


def _section_in(annotation: object) -> type[BaseModel] | None:
    """Return the section that a field holds, also one that may be None or of which it has many."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)
