"""``docs/reference.md``: every command and every key of a configuration, from the code itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import NoneType
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.main import get_command

from marsad.adaptation.settings import AdaptConfig
from marsad.cli import app
from marsad.config import RunConfig

_OPENING = """# Reference

Made by `make reference` from the code. [training.md](training.md) and [encoders.md](encoders.md)
say what the keys are for.
"""


def reference() -> str:
    """Return the page."""
    return "\n".join(
        [
            _OPENING,
            "## Commands\n",
            *_commands(get_command(app), "marsad"),
            "## Keys of a run\n",
            "`marsad train CONFIG key.sub=value`; paths are relative to the working directory.\n",
            *_keys(RunConfig),
            "\n## Keys of an adaptation\n",
            "`marsad adapt CONFIG key.sub=value`.\n",
            *_keys(AdaptConfig),
            "",
        ]
    )


def _commands(command: Any, name: str) -> Iterator[str]:  # noqa: ANN401
    """Yield the section of a command, or those of a group's."""
    group: Mapping[str, Any] | None = getattr(command, "commands", None)
    if group is not None:
        for own, inner in group.items():
            yield from _commands(inner, f"{name} {own}")
        return
    shown = [p for p in command.params if p.name != "help"]
    places = " ".join(_place(p) for p in shown if p.param_type_name == "argument")
    yield f"### `{name} {places}`\n" if places else f"### `{name}`\n"
    yield f"{' '.join((command.help or '').split())}\n"
    yield from _table(
        ("argument or option", "default", ""),
        [(f"`{_names(p)}`", _value(p.default, p.required), p.help or "") for p in shown],
    )
    yield ""


def _place(parameter: Any) -> str:  # noqa: ANN401
    name = parameter.name.upper() + ("…" if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _names(parameter: Any) -> str:  # noqa: ANN401
    if parameter.param_type_name == "argument":
        return str(parameter.name.upper())
    return ", ".join(parameter.opts)


def _keys(section: type[BaseModel]) -> Iterator[str]:
    yield from _table(("key", "default", ""), list(_rows(section, "")))


def _rows(section: type[BaseModel], before: str) -> Iterator[tuple[str, str, str]]:
    for name, field in section.model_fields.items():
        inner = _section_in(field.annotation)
        default = field.get_default(call_default_factory=True, validated_data={})
        if inner is None:
            value = _value(default, field.is_required())
            told = [_choice(field.annotation), field.description or ""]
            yield f"`{before}{name}`", value, "; ".join(filter(None, told))
            continue
        many = "[]" if getattr(field.annotation, "__origin__", None) is tuple else ""
        if default is None:
            yield f"`{before}{name}`", "none", field.description or "a section, if it is given"
        yield from _rows(inner, f"{before}{name}{many}.")


def _choice(annotation: object) -> str:
    """Return what a key may be, where that is one of a few words."""
    if getattr(annotation, "__origin__", None) is Literal:
        return ", ".join(map(str, get_args(annotation)))
    return next(filter(None, map(_choice, get_args(annotation))), "")


def _section_in(annotation: object) -> type[BaseModel] | None:
    """Return the section that a key holds, one or many of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _value(default: object, required: bool) -> str:
    if required:
        return "must be given"
    if default is None or isinstance(default, NoneType) or default is PydanticUndefined:
        return ""
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, (list, tuple)):
        return ", ".join(map(str, default))
    return f"`{default}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        cells = (" ".join(cell.split()).replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |"
