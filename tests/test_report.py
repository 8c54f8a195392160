import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from marsad.benchmarks import Benchmark, open_benchmark
from marsad.cli import run
from marsad.disagreements import Disagreement
from marsad.document import Document
from marsad.evaluation import evaluate
from marsad.report import excerpt, write_report
from marsad.systems import Answers
from tests.scoring.test_uncertainty import blurred

VOID = {"meta", "br", "path", "use", "rect"}


class Balance(HTMLParser):
    """Checks that every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [v or "" for k, v in attrs if k in ("src", "href") and (v or "#")[0] != "#"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture
def scored(documents: list[Document]) -> list[Document]:
    """Predictions with mistakes and probabilities."""
    return [
        replace(
            document,
            entities=tuple(replace(e, score=0.75) for e in document.entities),
            sentences=tuple(
                replace(s, events=tuple(replace(e, score=0.6) for e in s.events))
                for s in document.sentences
            ),
        )
        for document in blurred(documents, 0.2)
    ]


@pytest.fixture
def page(documents: list[Document], scored: list[Document], tmp_path: Path) -> str:
    gold = [replace(documents[0], text=documents[0].text.replace(" ", "<", 1)), *documents[1:]]
    own = [replace(scored[0], text=gold[0].text), *scored[1:]]
    benchmark = replace(open_benchmark("data/corpus/dev.jsonl"), documents=gold)
    answers = Answers(own, True, True, "own.jsonl")
    path = tmp_path / "report.html"
    write_report(
        path,
        title="<model>",
        answers=answers,
        benchmark=benchmark,
        evaluation=evaluate(answers, benchmark),
    )
    return path.read_text(encoding="utf-8")


def test_page_is_whole_and_asks_for_nothing_from_elsewhere(page: str):
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert balance.links == []
    assert "<model>" not in page
    assert "&lt;model&gt;" in page


def test_page_says_what_was_measured(page: str, documents: list[Document], scored: list[Document]):
    benchmark = open_benchmark("data/corpus/dev.jsonl")
    entities = evaluate(Answers(scored, True, True, ""), benchmark).scores.tables["entities"]
    assert f"<b>{100 * entities.micro.f1:.1f}</b>" in page
    assert f"of {entities.micro.support} mentions" in page
    for label in entities.per_name:
        assert re.search(rf"<td>{label}<bdi", page)
    assert page.count("<svg") == 4


def test_errors_are_marked_in_right_to_left_sentences(page: str):
    quotes = re.findall(r'<blockquote dir="rtl" lang="ar">(.*?)</blockquote>', page, re.DOTALL)
    missed = [quote for quote in quotes if "<mark>" in quote]
    assert len(missed) == 50
    assert all(re.search("<mark>[^<]*[ء-ي0-9][^<]*</mark>", quote) for quote in missed)


def test_long_sentences_are_shown_around_the_mark():
    text = "كلمة " * 100 + "درعا" + " كلمة" * 100
    error = Disagreement("a", 0, len(text), (500, 504), "missed", "درعا GPE", None, None, text)
    before, mark, after = excerpt(error)
    assert mark == "درعا"
    assert before.startswith("…كلمة")
    assert after.endswith("كلمة…")
    assert len(before + after) < 330


def test_report_of_a_file_of_predictions(
    scored: list[Document], tmp_path: Path, capsys: pytest.CaptureFixture
):
    own = tmp_path / "own.jsonl"
    own.write_text("".join(d.to_json() + "\n" for d in scored), encoding="utf-8")
    report = tmp_path / "report.html"
    arguments = ["evaluate", str(own), "data/corpus/dev.jsonl", "--report"]
    assert run([*arguments, str(report)]) == 0
    assert "strict micro F1" in capsys.readouterr().out
    assert report.exists()
    assert run([*arguments, str(tmp_path / "report.pdf")]) == 2
    assert "name a .html file" in capsys.readouterr().err


def test_public_corpora_and_predictions_cannot_be_stressed(
    benchmark_file: Path, capsys: pytest.CaptureFixture
):
    assert run(["evaluate", str(benchmark_file), str(benchmark_file), "--stress"]) == 2
    assert "needs a model" in capsys.readouterr().err


@pytest.fixture
def benchmark_file(documents: list[Document], tmp_path: Path) -> Path:
    path = tmp_path / "gold.jsonl"
    path.write_text("".join(d.to_json() + "\n" for d in documents), encoding="utf-8")
    return path


def test_benchmark_without_names_of_a_task_has_no_table_of_it(scored: list[Document]):
    benchmark = open_benchmark("data/corpus/dev.jsonl")
    entities_alone = Benchmark(
        "dev", benchmark.documents, replace(benchmark.ruler, events=()), benchmark.digest
    )
    evaluation = evaluate(Answers(scored, True, True, ""), entities_alone)
    assert evaluation.scores.events is None
    assert set(evaluation.counts) == {"entities"}
