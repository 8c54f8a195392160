"""The repository keeps its word: README, configurations, data."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from typer.main import get_command

from marsad import __version__
from marsad.adaptation.settings import AdaptConfig, load_adaptation
from marsad.benchmarks import PREFIX, PUBLIC, TRAINING
from marsad.cli import app
from marsad.cli.reference import reference
from marsad.config import RunConfig, load_config
from marsad.corpus import check_files
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
ADAPTATIONS = sorted((ROOT / "configs").rglob("adapt-*.yaml"))
CONFIGS = sorted({*(ROOT / "configs").rglob("*.yaml")} - {*ADAPTATIONS})


def test_tree_in_the_readme_is_the_tree():
    tree = README.split("## The tree")[1].split("```")[1]
    named = {line.split()[0].rstrip("/") for line in tree.strip().splitlines()}
    assert [name for name in named if not (ROOT / name).exists()] == []
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    assert folders - {"src", "runs", "dist", "build"} <= named


def test_pictures_of_the_documents_exist():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_commands_of_the_readme_exist():
    block = README.split("## On the command line")[1].split("```")[1]
    command = get_command(app)
    lines = [shlex.split(line) for line in block.splitlines() if line.startswith("marsad ")]
    assert len(lines) >= 8
    for words in lines:
        group = command
        for word in words[1:]:
            commands = getattr(group, "commands", None)
            if commands is None:
                break
            assert word in commands, " ".join(words)
            group = commands[word]


def shell_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield the words of each command of ours in a shell block of the documents."""
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.strip(), comments=True)
                while words and "=" in words[0]:  # variables before a command
                    words = words[1:]
                if words[:1] == ["marsad"]:
                    yield page.name, words


def test_commands_in_the_documents_take_these_options():
    lines = list(shell_lines())
    assert len(lines) > 40
    for page, words in lines:
        command, rest = get_command(app), words[1:]
        while rest and (inner := getattr(command, "commands", None)):
            assert rest[0] in inner, f"{page}: {' '.join(words)}"
            command, rest = inner[rest[0]], rest[1:]
        known = {name for own in command.params for name in getattr(own, "opts", ())}
        for word in rest:
            if re.match(r"--?[a-z]", word):
                assert word.partition("=")[0] in known, f"{page}: {' '.join(words)}"


def test_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", README)) | {"run", "test"} <= targets


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_configurations_load_and_name_files_that_exist(path):
    data = load_config(path).data
    learnt = {part.corpus for part in data.parts}
    assert learnt - set(TRAINING) == {p for p in learnt if (ROOT / p).is_file()}
    read = {data.dev, data.test}
    assert read - set(PUBLIC) == {p for p in read if (ROOT / p).is_file()}


@pytest.mark.parametrize("path", ADAPTATIONS, ids=lambda p: p.stem)
def test_adaptations_load_and_name_files_that_exist(path: Path):
    config = load_adaptation(path)
    own = {text.file for text in config.texts if not text.file.startswith(PREFIX)}
    assert own == {name for name in own if (ROOT / name).is_file()}
    assert config.probe is None or (ROOT / config.probe.run).is_file()


def test_the_reference_is_that_of_the_code():
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert page == reference(), "run: make reference"
    assert "`marsad data select POOL…`" in page
    assert "| `task` | `joint` | joint, ner, events |" in page


def test_every_option_has_its_place_in_the_page_on_training():
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    told = set(
        re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`|^ .+:|^data:", page, re.MULTILINE)))
    )
    assert {key for key in options(RunConfig) if key not in told} == set()


def test_every_option_of_an_adaptation_has_its_place_in_the_page_on_encoders():
    page = (ROOT / "docs" / "encoders.md").read_text(encoding="utf-8")
    told = set(
        re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`|^ .+:|^\w+:", page, re.MULTILINE)))
    )
    shared = {"name", "output", "seed", "corpora", "cleaning"}  # as of any run
    assert {key for key in options(AdaptConfig) if key not in told} - shared == set()


def options(section: type[BaseModel]) -> Iterator[str]:
    """Yield the names of the keys in a section and in those below it."""
    for name, field in section.model_fields.items():
        below = [own for own in sections_in(field.annotation) if own is not section]
        yield from (key for own in below for key in options(own))
        if not below:
            yield name


def sections_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [own for part in get_args(annotation) for own in sections_in(part)]


def test_corpus_and_article_have_no_errors():
    problems = check_files([ROOT / "data" / "corpus", ROOT / "data" / "articles"])
    assert [str(p) for p in problems if p.level == "error"] == []


def test_article_is_annotated_to_the_character():
    articles = ROOT / "data" / "articles"
    text = (articles / "daraa.txt").read_text(encoding="utf-8")
    line = (articles / "daraa.jsonl").read_text(encoding="utf-8")
    assert json.loads(line)["text"] == text


def test_constraints_pin_what_the_package_needs_and_torch_first():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins[0] == "torch==2.13.0"
    assert all("==" in pin for pin in pins)
    pinned = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = [name for group in groups for name in group]
    names = {re.split(r"[<>=\[ ]", w)[0].lower().replace("_", "-") for w in wanted}
    assert names - pinned == set()


def test_version_stands_in_one_place():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {__version__}" in citation
