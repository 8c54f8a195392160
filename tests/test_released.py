"""The models of this repository: small, with true cards, and as README says."""

from pathlib import Path

import pytest

import marsad.card
from marsad.card_index import index_text
from marsad.card_tables import summary
from marsad.cli import run
from marsad.corpus import read_corpus
from marsad.model_folder import ModelFolder
from marsad.verification import verify
from tests.conftest import ROOT

SMALL = ROOT / "models" / "marsad-small"
ARTICLE = ROOT / "data" / "articles" / "daraa.jsonl"
# So many answers may differ, where a processor rounds otherwise.
_ROUNDED = 0.1


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cards name data by their place in the repository; public corpora are not here."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("MARSAD_CORPORA", raising=False)


def test_the_small_model_is_here():
    assert sum(path.stat().st_size for path in SMALL.iterdir()) < 60e6


def test_its_card_is_true():
    checks = list(verify(ModelFolder(SMALL), sample=8, tolerance=_ROUNDED))
    assert [own for own in checks if own.problem and not own.skipped] == []
    again = {own.about.split(",")[0] for own in checks if own.again and not own.skipped}
    own = {f"data/corpus/{name}.jsonl" for name in ("test", "test_place")}
    assert again == own | {"data/articles/daraa.jsonl"}
    (card,) = (own for own in checks if own.about == "card")
    assert not card.skipped


def test_it_reads_the_article(tmp_path: Path):
    """With more than half of what is annotated in it found."""
    text = tmp_path / "daraa.txt"
    (annotated,) = read_corpus(ARTICLE)
    text.write_text(annotated.text, encoding="utf-8")
    output = tmp_path / "daraa.jsonl"
    assert run(["predict", str(text), "--model", str(SMALL), "-o", str(output)]) == 0
    (read,) = read_corpus(output)
    found = {(e.start, e.end, e.label) for e in read.entities}
    wanted = {(e.start, e.end, e.label) for e in annotated.entities}
    assert len(found & wanted) > len(wanted) / 2
    assert all(annotated.text[e.start : e.end] == read.mention(e) for e in read.entities)


def test_readme_shows_the_figures_of_the_small_model():
    figures = summary(marsad.card.load(SMALL).metrics.evaluations)
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"\n\n{figures}\n\n" in page, "put there: marsad card show models/marsad-small --table"


def test_the_index_is_made_of_the_cards(tmp_path: Path):
    """Of what is in the repository; models of one task may lie beside."""
    for name in ("marsad-encoder", "marsad-small"):
        (tmp_path / name).symlink_to(ROOT / "models" / name)
    index = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    assert index == index_text(tmp_path), "run: marsad card index models"
