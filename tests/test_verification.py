"""A card that is true passes; one that was touched anywhere does not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marsad.card_writing import SEEN
from marsad.cli import run
from marsad.metrics import read_metrics, write_metrics
from marsad.model_folder import ModelFolder
from marsad.scoring.tables import Table
from marsad.signing import sign
from marsad.training import train
from marsad.verification import Check, verify
from tests.corpora import write_corpora, write_wojood
from tests.keys import write_keys
from tests.runs import tiny_run


@pytest.fixture(scope="module")
def made(
    tiny_encoder: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> ModelFolder:
    """A model that was scored on what it learnt, where even a tiny one has something right."""
    folder = train(tiny_run(tiny_encoder, tiny_corpus, tmp_path_factory.mktemp("verify") / "m"))
    for part in ("known", "test"):
        assert run(["evaluate", str(folder.path), str(tiny_corpus / f"{part}.jsonl")]) == 0
    assert run(["card", "write", str(folder.path)]) == 0
    return folder


@pytest.fixture
def folder(made: ModelFolder, tmp_path: Path) -> ModelFolder:
    """A copy under another name."""
    shutil.copytree(made.path, tmp_path / "other")
    return ModelFolder(tmp_path / "other")


def wrong(folder: ModelFolder, **options: object) -> list[Check]:
    return [own for own in verify(folder, **options) if own.problem and not own.skipped]


def test_figures_on_a_public_corpus_hold_with_what_was_left_out_of_it(
    folder: ModelFolder, tmp_path: Path
):
    corpora = write_corpora(tmp_path / "corpora")
    write_wojood(corpora, [[("زار", "O"), ("خالد", "B-PERS"), ("في", "B-LAW")]] * 12, name="val")
    source = ["--source", str(corpora)]
    assert run(["evaluate", str(folder.path), "public:wojood", *source]) == 0
    assert run(["card", "write", str(folder.path)]) == 0
    own = read_metrics(folder).evaluations["public:wojood"]
    assert sum(own.defects.values()) > 0
    (again,) = (x for x in verify(folder, source=corpora) if x.about.startswith("public:wojood"))
    assert (again.problem, again.again, again.skipped) == ("", True, False)


@pytest.mark.parametrize("sample", [None, 2])
def test_a_true_card_holds(folder: ModelFolder, sample: int | None):
    checks = list(verify(folder, sample=sample))
    assert [own.about.split(",")[0].split("/")[-1] for own in checks] == [
        "files", "labels", "record", "known.jsonl", "test.jsonl", "training", "card",
    ]  # fmt: skip
    assert [own.about for own in checks if own.problem] == ["training"]


def test_the_command_says_what_was_looked_at(
    folder: ModelFolder, capsys: pytest.CaptureFixture[str]
):
    capsys.readouterr()
    assert run(["card", "verify", str(folder.path), "--sample", "2"]) == 0
    said = capsys.readouterr().out
    assert said.count("as stated") == 6
    assert "2 of 6 documents" in said


def test_a_signature_is_checked_by_the_key_that_is_given(folder: ModelFolder, tmp_path: Path):
    private, public = write_keys(tmp_path, "key")
    _, other = write_keys(tmp_path, "other")
    sign(folder, private)
    (passed,) = (own for own in verify(folder, sample=1) if own.about == "signature")
    assert passed.skipped
    assert not wrong(folder, sample=1, public_key=public)
    (only,) = wrong(folder, sample=1, public_key=other)
    assert only.about == "signature"


def test_a_byte_in_the_weights_is_found(folder: ModelFolder, capsys: pytest.CaptureFixture[str]):
    data = bytearray(folder["weights"].read_bytes())
    data[-1] ^= 1
    folder["weights"].write_bytes(data)
    assert run(["card", "verify", str(folder.path)]) == 2
    seen = capsys.readouterr()
    assert "WRONG     files: " in seen.out
    assert "claims do not hold" in seen.err


def edit(folder: ModelFolder, place: list[str], value: object) -> None:
    """Change a value of the record, and make checksums and card follow, as a liar would."""
    record = json.loads(folder["metrics"].read_text(encoding="utf-8"))
    own = next(iter(record["evaluations"].values()))
    for key in place[:-1]:
        own = own[key]
    assert own[place[-1]] != value
    own[place[-1]] = value
    folder["metrics"].write_text(json.dumps(record), encoding="utf-8")
    folder.write_checksums()
    assert run(["card", "write", str(folder.path)]) == 0


def test_a_figure_that_was_raised_is_found(folder: ModelFolder):
    edit(folder, ["overall"], 0.999)
    (only,) = wrong(folder)
    assert only.about.endswith("known.jsonl, 6 of 6 documents")
    assert "overall is" in only.problem
    assert "not 0.999" in only.problem


def lie(folder: ModelFolder) -> None:
    """Claim that every mention is found, in the counts and in all that follows from them."""
    metrics = read_metrics(folder)
    data, own = next(iter(metrics.evaluations.items()))
    assert own.scores.entities is not None
    names = list(own.scores.entities.strict.per_name)
    counts = {
        id_: {label: (a, a, a) for label, (_, a, _) in found.items() if a}
        for id_, found in own.counts["entities"].items()
    }
    rows = [[[counts[id_].get(n, (0,))[0]] * 4 for n in names] for id_ in own.documents]
    table = Table.of(np.array(rows, dtype=np.float64), names)
    modes = {**own.scores.entities.modes, "strict": table}
    scores = replace(own.scores, entities=replace(own.scores.entities, modes=modes))
    lied = replace(
        own,
        scores=scores,
        counts={**own.counts, "entities": counts},
        overall=scores.overall,
        never_predicted=tuple(scores.never_predicted),
    )
    write_metrics(replace(metrics, evaluations={**metrics.evaluations, data: lied}), folder)
    folder.write_checksums()
    assert run(["card", "write", str(folder.path)]) == 0


def test_counts_that_were_raised_are_found_in_a_sample(folder: ModelFolder):
    lie(folder)
    (only,) = wrong(folder, sample=3)
    assert "3 documents are read otherwise than the record says" in only.problem
    assert not wrong(folder, sample=3, tolerance=1.0)


def test_a_tolerance_lets_shares_differ_and_nothing_else(folder: ModelFolder):
    lie(folder)
    assert wrong(folder, tolerance=0.01)
    assert not wrong(folder, tolerance=1.0)
    edit(folder, ["scores", "entities", "modes", "strict", "micro", "support"], 50_000)
    assert wrong(folder, tolerance=1.0)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["unit"], "sentences"),
        (["ruler"], "wojood"),
        (["scorer"], 99),
        (["data"], "public:wojood"),
        (["scores", "documents"], 600),
    ],
)
@pytest.mark.parametrize("sample", [2, None])
def test_what_the_record_says_of_its_data_is_compared(
    folder: ModelFolder, place: list[str], value: object, sample: int | None
):
    edit(folder, place, value)
    found = wrong(folder, sample=sample, tolerance=0.5)
    assert place[-1] in found[0].problem


def test_documents_that_are_in_no_data_are_found_in_a_sample(folder: ModelFolder):
    metrics = read_metrics(folder)
    data, own = next(iter(metrics.evaluations.items()))
    more = replace(own, documents=(*own.documents, "made-up"))
    write_metrics(replace(metrics, evaluations={**metrics.evaluations, data: more}), folder)
    folder.write_checksums()
    assert run(["card", "write", str(folder.path)]) == 0
    (only,) = wrong(folder, sample=2, tolerance=0.5)
    assert only.problem == "documents is not what the record says"


def test_figures_of_other_data_are_found(folder: ModelFolder):
    edit(folder, ["data_sha256"], "0" * 64)
    (only,) = wrong(folder)
    assert only.problem == "the data are other than those that were scored"


def test_a_word_in_the_card_is_found(folder: ModelFolder):
    text = folder["card"].read_text(encoding="utf-8")
    folder["card"].write_text(
        text.replace("Not for targeting", "Good for targeting"), encoding="utf-8"
    )
    folder.write_checksums()
    (only,) = wrong(folder)
    assert only.about == "card"
    assert "Good for targeting" in only.problem


def move_the_corpus(folder: ModelFolder) -> str:
    """Let run and card name a corpus that is not here, and return the card."""
    for file in ("run", "card"):
        text = folder[file].read_text(encoding="utf-8")
        folder[file].write_text(text.replace("train.jsonl", "elsewhere.jsonl"), encoding="utf-8")
    folder.write_checksums()
    return text


def test_figures_of_a_card_are_compared_where_the_corpora_are_not_here(folder: ModelFolder):
    """All but what it says of these."""
    text = move_the_corpus(folder)
    *_, card = verify(folder, sample=1)
    assert (card.problem, card.skipped) == ("", False)
    assert card.about.endswith("elsewhere.jsonl")
    folder["card"].write_text(text.replace("Micro F1 **", "Micro F1 **9"), encoding="utf-8")
    folder.write_checksums()
    *_, card = verify(folder, sample=1)
    assert "Micro F1 **9" in card.problem


def test_which_figures_are_on_texts_of_corpora_that_are_not_here_cannot_be_told(
    folder: ModelFolder,
):
    move_the_corpus(folder)
    text = folder["card"].read_text(encoding="utf-8")
    data = next(iter(read_metrics(folder).evaluations))
    flagged = text.replace(
        "\n## What it is for", f"\n> Figures on {data} {SEEN}.\n\n## What it is for"
    )
    for others, problem in (
        ("", ""),
        ("Certified.", "Certified"),
        ("\n> Figures on x.jsonl", "x.js"),
    ):
        forged = flagged.replace(f"{SEEN}.", f"{SEEN}. {others}".rstrip())
        folder["card"].write_text(forged, encoding="utf-8")
        folder.write_checksums()
        *_, card = verify(folder, sample=1)
        assert not card.skipped
        assert problem in card.problem
        assert bool(problem) == bool(card.problem)


def test_a_figure_that_its_own_counts_do_not_make_is_found_in_a_sample(folder: ModelFolder):
    edit(folder, ["scores", "entities", "modes", "strict", "macro_f1"], 0.97)
    (only,) = wrong(folder, sample=1, tolerance=1.0)
    assert "entities: macro_f1" in only.problem
    assert "by its own counts" in only.problem


def test_a_file_that_is_listed_and_gone_and_a_list_that_is_gone_are_found(folder: ModelFolder):
    folder["log"].unlink()
    (only,) = wrong(folder, sample=1)
    assert "metrics.jsonl: is listed in SHA256SUMS and is not there" in only.problem
    (folder.path / folder.CHECKSUMS).unlink()
    (only,) = wrong(folder, sample=1)
    assert "SHA256SUMS: no such file" in only.problem


def test_figures_on_a_corpus_that_is_not_here_are_skipped(
    folder: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("MARSAD_CORPORA", raising=False)
    record = json.loads(folder["metrics"].read_text(encoding="utf-8"))
    record["evaluations"]["public:wojood"] = next(iter(record["evaluations"].values()))
    folder["metrics"].write_text(json.dumps(record), encoding="utf-8")
    folder.write_checksums()
    assert run(["card", "write", str(folder.path)]) == 0
    capsys.readouterr()
    assert run(["card", "verify", str(folder.path), "--sample", "1"]) == 0
    said = capsys.readouterr().out
    assert "skipped   public:wojood: " in said
    assert "2 evaluations were computed again; 1 were not, for want of the data" in said


def test_a_folder_without_figures_or_card_is_told(
    folder: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder["card"].unlink()
    folder.write_checksums()
    assert any("README.md" in own.problem for own in wrong(folder, sample=1))
    assert run(["card", "verify", str(tmp_path / "nowhere")]) == 2
    assert "no such model folder" in capsys.readouterr().out
