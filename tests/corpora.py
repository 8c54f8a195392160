"""Small files in the formats of the public corpora."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

Tagged = Sequence[tuple[str, str]]  # tokens and their tags, of one sentence
Vote = tuple[str, int, int]  # text, for, against

VOTE_FIELDS = ("accept", "event_type", "id", "label", "reject", "text", "total")


def write_corpora(folder: Path) -> Path:
    """Write all public corpora, small, and return their folder."""
    folder.mkdir(exist_ok=True)
    named = [("زار", "O"), ("خالد", "B-PERS"), ("حلب", "B-LOC")]
    write_anercorp(folder, [named] * 90)
    write_wojood(folder, [[("سعيد", "B-PERS"), ("عاد", "O")], [("درعا", "B-GPE B-ORG")]])
    texts = [f"قصفت المدفعية القرية {i}" for i in range(30)]
    votes = {
        "assault": [(text, 3 * (i % 2), 1) for i, text in enumerate(texts)],
        "protest": [(text, 0, 3) for text in texts[10:]],
    }
    return write_votes(folder, **votes)


def write_anercorp(folder: Path, sentences: Iterable[Tagged], *, name: str = "train") -> Path:
    """Write a file of ANERcorp and return the folder of the corpora."""
    return _write_tokens(folder / "anercorp" / f"camel_{name}.txt", sentences, folder)


def write_wojood(folder: Path, sentences: Iterable[Tagged], *, name: str = "train") -> Path:
    """Write a file of Wojood; several tags of a token stand in one string."""
    return _write_tokens(folder / "wojood_sample" / f"{name}.txt", sentences, folder)


def _write_tokens(path: Path, sentences: Iterable[Tagged], folder: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    lines = ("".join(f"{token} {tags}\n" for token, tags in own) for own in sentences)
    path.write_text("\n".join(lines), encoding="utf-8")
    return folder


def write_votes(folder: Path, **votes: Sequence[Vote]) -> Path:
    """Write the files of votes on event classes, by their names in small letters."""
    (folder / "arabic_event_gsr").mkdir(exist_ok=True)
    for name, own in votes.items():
        path = folder / "arabic_event_gsr" / f"{name}_gsr.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(VOTE_FIELDS)
            for i, (text, yes, no) in enumerate(own):
                rows.writerow((yes, name.upper(), f"{name}-{i}", "x", no, text, yes + no))
    return folder
