"""The documents do what they say: their blocks are run in order, on a desk with a tiny model.

The desk has the files that the pages speak of, under the same names, so that a line is run as it
stands. What cannot be run here is listed with the reason; --stress, which takes long, is given on
one page alone.
"""

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest
import yaml

from marsad.adaptation.settings import AdaptConfig
from marsad.cli import run
from marsad.config import RunConfig, with_values
from marsad.corpus import read_corpus
from marsad.document import Document, parse_document
from marsad.finished_runs import train_once
from marsad.formats import FORMATS
from tests.conftest import ROOT
from tests.corpora import write_anercorp, write_corpora, write_wojood
from tests.runs import ANY_LOSS, tiny_run

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "data").glob("*.md"), *(ROOT / "docs").glob("*.md")])
LANGUAGES = {"sh", "python", "yaml", "json", "bibtex", ""}  # the last are not code

# Lines that are not run here, by how they begin, and why not.
ELSEWHERE = {
    "marsad serve": "runs until it is stopped; tests/serving starts it",
    "MARSAD_TOKEN=secret marsad serve": "likewise",
    "curl": "tests/serving asks the same of a real server",
    "marsad adapt": "tests/adaptation runs it on texts that are here",
    "marsad card encoder": "tests/adaptation/test_card.py compares real runs",
    "marsad batch articles out --model runs/joint --engine ray": "tests/batch runs a cluster",
    "marsad batch articles out -m runs/joint --engine ray": "likewise",
    "marsad batch /shared": "wants a cluster of several machines; tests/batch runs one",
    "torchrun": "tests/test_distributed.py starts it with two processes",
    "accelerate": "likewise",
    "python -m venv": "make does it",
    "pip install torch": "asks an index of GPU builds",
    "python -c": "names a GPU",
    "hf download": "asks the hub",
    "marsad train configs/arabert-joint.yaml output=runs/arabert-large": "asks the hub",
    "marsad bench": "tests/test_bench_reading.py; it measures for minutes",
}


class Block(NamedTuple):
    """A block of a page."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}: {self.text.splitlines()[0][:40]}"


def blocks(*languages: str) -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fences = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
        assert 2 * len(fences) == text.count("```"), page
        for language, own in fences:
            assert language in LANGUAGES, f"{page}: nobody runs {language}"
            if language in languages:
                yield Block(page, language, dedent(own))


def shell_lines(page: Path) -> list[str]:
    return [
        line.strip()
        for block in blocks("sh")
        if block.page == page
        for line in block.text.replace("\\\n", " ").splitlines()
        if line.strip() and not line.startswith("#")
    ]


WITH_LINES = [page for page in PAGES if shell_lines(page)]


@pytest.fixture(scope="module")
def desk(
    tiny_encoder: Path,
    documents: list[Document],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder as the pages take it for granted."""
    home = tmp_path_factory.mktemp("desk")
    corpus = home / "data" / "corpus"
    corpus.mkdir(parents=True)
    parts = {"train": documents[:12], "dev": documents[12:15], "test": documents[15:18]}
    for name, part in {**parts, "test_place": documents[18:20]}.items():
        FORMATS["jsonl"].write(part, corpus / f"{name}.jsonl")
    own = tiny_run(
        tiny_encoder,
        Path("data/corpus"),
        Path("runs/joint"),
        train={"epochs": 0.5},
        export=ANY_LOSS,
    )
    _write_configs(home / "configs", own)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        _train_models(own)
        _write_papers(home, documents[20:22], documents[22:24])
        _make_key()
    return home


def _write_configs(folder: Path, own: RunConfig) -> None:
    folder.mkdir()
    space = {"trials": 1, "space": {"train.warmup": {"low": 0.0, "high": 0.3}}}
    configs = {
        "joint": own,
        "arabert-joint": with_values(own, {"output": "runs/arabert-joint"}),
        "ner": with_values(own, {"task": "ner", "output": "runs/ner"}),
        "search": with_values(own, {"search": space, "output": "runs/search"}),
    }
    for name, config in configs.items():
        (folder / f"{name}.yaml").write_text(config.to_yaml(), encoding="utf-8")


def _train_models(own: RunConfig) -> None:
    for name, seed in (("joint", 13), ("joint-14", 14), ("joint-15", 15)):
        train_once(with_values(own, {"seed": seed, "output": f"runs/{name}"}))
    assert run(["export", "runs/joint"]) == 0
    for data in ("data/corpus/test.jsonl", "data/corpus/test_place.jsonl"):
        assert run(["evaluate", "runs/joint", data]) == 0
    assert run(["card", "write", "runs/joint"]) == 0
    for name in ("one", "other"):
        shutil.copytree("runs/joint-14", f"runs/{name}")


def _write_papers(home: Path, articles: list[Document], held_out: list[Document]) -> None:
    """Write articles, and what has been made of them outside."""
    for folder, own in (("articles", articles), ("held-out", held_out)):
        (home / folder).mkdir()
        for document in own:
            (home / folder / f"{document.id}.txt").write_text(document.text, encoding="utf-8")
    FORMATS["labelstudio"].write(articles, home / "export.json")
    FORMATS["labelstudio"].write(held_out, home / "held-out-export.json")
    (home / "article.txt").write_text(articles[0].text, encoding="utf-8")
    (home / "data" / "articles").mkdir()
    shutil.copy("article.txt", "data/articles/daraa.txt")
    documents = read_corpus(Path("data/corpus/test.jsonl"))
    for name in ("more", "my-articles", "test"):
        shutil.copy("data/corpus/test.jsonl", f"{name}.jsonl")
    shutil.copy("configs/joint.yaml", "run.yaml")
    answers = [
        [
            {"entity_group": "PERS" if e.label == "PER" else e.label, "start": e.start,
             "end": e.end, "score": 0.9, "word": document.mention(e)}
            for e in document.entities
        ]
        for document in documents
    ]  # fmt: skip
    (home / "answers.json").write_text(json.dumps(answers), encoding="utf-8")
    corpora = write_corpora(home / "CORPORA")
    write_anercorp(
        corpora, [[("زار", "O"), ("خالد", "B-PERS"), ("حلب", "B-LOC")]] * 925, name="test"
    )
    write_wojood(corpora, [[("سعيد", "B-PERS"), ("عاد", "O")]] * 12, name="val")
    (home / "models").mkdir()
    shutil.copytree("runs/joint", "models/marsad-small")


def _make_key() -> None:
    """Make the key that docs/release.md tells how to make."""
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"],
        check=True,
    )


@pytest.fixture
def own_desk(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the desk, to work in."""
    shutil.copytree(desk, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


@pytest.mark.parametrize("page", WITH_LINES, ids=lambda page: page.stem)
def test_shell_lines_of_a_page_run_in_their_order(page: Path, own_desk: Path):
    for line in shell_lines(page):
        if not any(line.startswith(start) for start in ELSEWHERE):
            _run_line(line, stress=page.name == "scoring.md")


def _run_line(line: str, *, stress: bool) -> None:
    words = [w for w in shlex.split(line, comments=True) if stress or w != "--stress"]
    match words[0]:
        case "marsad":
            assert run(words[1:]) == 0, line
        case "make":
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), line
        case "pip":
            (extras,) = re.findall(r"\[([\w,]+)\]", words[2])
            project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
            assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"]), line
        case "openssl":
            subprocess.run(words, check=True, capture_output=True)
        case _:
            raise AssertionError(f"{line}: nobody runs this; do it here, or say where it is tested")


def test_what_is_not_run_here_is_still_in_the_documents():
    lines = [line for page in WITH_LINES for line in shell_lines(page)]
    for start in ELSEWHERE:
        assert any(line.startswith(start) for line in lines), start


@pytest.mark.parametrize("block", list(blocks("python")), ids=str)
def test_python_of_the_documents_runs(block: Block, own_desk: Path):
    """Each block goes on with what the ones before it on its page have made."""
    names: dict[str, object] = {}
    for earlier in blocks("python"):
        if earlier.page == block.page:
            if "nlp.add_pipe" in earlier.text:
                import spacy

                names["nlp"] = spacy.blank("ar")
            exec(compile(earlier.text, str(earlier), "exec"), names)
        if earlier == block:
            break
    assert names


@pytest.mark.parametrize("block", list(blocks("yaml")), ids=str)
def test_yaml_of_the_documents_is_a_configuration(block: Block):
    """Of a run or of an adaptation; what a page leaves out is filled in."""
    values = yaml.safe_load(block.text)
    kind, rest = (AdaptConfig, _ADAPTATION) if "texts" in values else (RunConfig, _RUN)
    assert kind.model_validate({**rest, **values})


_RUN = {"name": "n", "encoder": "e", "output": "o", "data": {"train": "t", "dev": "d", "test": "t"}}
_ADAPTATION = {"name": "n", "base": "b", "output": "o", "masking": {"steps": 1}}


@pytest.mark.parametrize("block", list(blocks("json")), ids=str)
def test_json_of_the_documents_is_a_document(block: Block):
    document = parse_document(json.loads(block.text), "here")
    assert document.sentences
    assert all(document.mention(entity).strip() for entity in document.entities)
