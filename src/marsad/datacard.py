"""The dataset's machine-made papers: a Croissant description, and the counts in its card.

Croissant 1.1 (MLCommons, https://docs.mlcommons.org/croissant/) with the fields of its responsible
AI vocabulary. Nothing in either paper is counted by hand.
"""

import json
from pathlib import Path

import mlcroissant as mlc

from marsad import __version__
from marsad.corpus import read_corpus
from marsad.document import Document
from marsad.errors import DataError
from marsad.files import atomic_write, read_text, sha256
from marsad.stats import CorpusStats, count

LICENCE = "https://creativecommons.org/licenses/by/4.0/"
BEGIN, END = "<!-- counts -->", "<!-- /counts -->"
_NAMED = "pretty_name: Marsad corpus"
_DESCRIPTION = (
    "Arabic conflict news annotated with 12 entity labels on exact character spans and 23 event "
    "types with realis. Texts and annotation were written by a language model; the events in them "
    "are invented."
)
_RESPONSIBLE_AI = {
    "data_collection": "Documents were written one by one by a language model, each on an imagined "
    "news item, in ten genres; no text was taken from a source.",
    "data_collection_type": ["Synthetic"],
    "data_annotation_protocol": "data/guidelines.md",
    "data_annotation_platform": ["none: written with the text, then revised under settled rules"],
    "data_annotation_analysis": ["a second blind annotation; figures in data/README.md"],
    "annotations_per_item": "1; 2 for the documents of the agreement study",
    "annotator_demographics": ["language models; no person annotated"],
    "data_use_cases": [
        "training and testing of named entity and event classifiers for Arabic news"
    ],
    "data_limitations": [
        "Invented texts: frequencies of places, sides and events are not those of real news.",
        "About half of the sentences are about Syria.",
        "Writer and annotators are models of one family and may share blind spots.",
    ],
    "data_biases": ["The choice of conflicts and wordings is that of a language model."],
    "data_social_impact": "Meant for monitoring and research with a person in the loop; not for "
    "targeting or identifying people.",
    "personal_sensitive_information": [
        "No private person is described; public figures appear by name in roles they had."
    ],
}


def describe(folder: Path) -> mlc.Metadata:
    """Return the Croissant description of the corpus files in ``folder/corpus``."""
    files = sorted((folder / "corpus").glob("*.jsonl"))
    if not files:
        raise DataError(f"{folder / 'corpus'}: no .jsonl file; run `marsad data split` first")
    objects = [
        mlc.FileObject(
            id=path.name,
            name=path.name,
            content_url=f"corpus/{path.name}",
            encoding_formats=["application/jsonlines"],
            sha256=sha256(path),
        )
        for path in files
    ]
    return mlc.Metadata(
        ctx=mlc.Context(conforms_to="http://mlcommons.org/croissant/1.1"),
        name="marsad-corpus",
        description=_DESCRIPTION,
        license=[LICENCE],
        version=__version__,
        date_published="2026-11-23",
        creators=[mlc.Organization(name="The Marsad developers")],
        in_language=["ar"],
        keywords=["Arabic", "named entity recognition", "event detection", "conflict", "news"],
        url="https://huggingface.co/datasets/marsad/marsad-corpus",
        cite_as="The Marsad developers (2026). Marsad corpus.",
        distribution=objects,
        record_sets=[_record_set(path.name) for path in files],
        **_RESPONSIBLE_AI,
    )


# Columns of a record set: name, type, the key of a list's items (None: the column itself), meaning.
_COLUMNS: tuple[tuple[str, str, str | None, str], ...] = (
    ("id", mlc.DataType.TEXT, None, "identifier of the document"),
    ("text", mlc.DataType.TEXT, None, "the text; offsets are code points into it, half-open"),
    ("sentences", mlc.DataType.INTEGER, "start", "where each sentence begins"),
    ("sentences", mlc.DataType.INTEGER, "end", "where each sentence ends"),
    ("entities", mlc.DataType.INTEGER, "start", "where each mention begins"),
    ("entities", mlc.DataType.INTEGER, "end", "where each mention ends"),
    ("entities", mlc.DataType.TEXT, "label", "entity label of each mention"),
)


def _record_set(file: str) -> mlc.RecordSet:
    split = file.removesuffix(".jsonl")
    fields = []
    for column, kind, key, meaning in _COLUMNS:
        name = f"{column}_{key}" if key else column
        source = mlc.Source(
            file_object=file,
            extract=mlc.Extract(column=column),
            transforms=[mlc.Transform(json_path=f"$[*].{key}")] if key else [],
        )
        fields.append(
            mlc.Field(
                id=f"{split}/{name}",
                name=name,
                description=meaning,
                data_types=[kind],
                repeated=key is not None,
                source=source,
            )
        )
    return mlc.RecordSet(id=split, name=split, fields=fields)


def write_datacard(folder: Path) -> list[Path]:
    """Write ``croissant.json`` and renew the counts in ``README.md``; return both paths.

    Raises:
        DataError: a file is missing or has an error, or is not of this corpus.
    """
    croissant, card = folder / "croissant.json", folder / "README.md"
    record = describe(folder).to_json()
    text = read_text(card)
    if _NAMED not in text:
        raise DataError(
            f"{card}: lacks `{_NAMED}`; what is described here are the texts of that corpus, not "
            "of others"
        )
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise DataError(f"{card}: lacks the lines {BEGIN} and {END} between which counts go")
    counts = render_counts(folder / "corpus")
    with atomic_write(croissant) as out:
        json.dump(record, out, ensure_ascii=False, indent=2, default=str)
        out.write("\n")
    with atomic_write(card) as out:
        out.write(f"{before}{BEGIN}\n{counts}\n{END}{after}")
    return [croissant, card]


def render_counts(folder: Path) -> str:
    """Return the counts of a corpus folder as Markdown tables, one column a split."""
    documents = {path.stem: read_corpus(path) for path in sorted(folder.glob("*.jsonl"))}
    order = sorted(documents, key=lambda name: ("train dev test".find(name) % 99, name))
    splits = {name: count(documents[name]) for name in order}
    splits["all"] = count([d for name in order for d in documents[name]])
    tables = [_size_table(splits), _entity_table(splits), _event_table(splits)]
    return "\n\n".join([*tables, _genre_line(documents), _country_line(splits["all"])])


def _size_table(splits: dict[str, CorpusStats]) -> str:
    rows = {
        "documents": [s.documents for s in splits.values()],
        "sentences": [s.sentences for s in splits.values()],
        "words": [sum(s.lengths) for s in splits.values()],
        "sentences without event": [s.without_event for s in splits.values()],
        "mentions": [sum(s.entities.values()) for s in splits.values()],
        "mentions behind a proclitic": [s.behind_proclitic for s in splits.values()],
        "event labels": [s.event_labels for s in splits.values()],
    }
    return _table(["", *splits], rows)


def _entity_table(splits: dict[str, CorpusStats]) -> str:
    names = list(splits["all"].entities)
    rows = {name: [s.entities[name] for s in splits.values()] for name in names}
    return _table(["entity", *splits], rows)


def _event_table(splits: dict[str, CorpusStats]) -> str:
    rows = {}
    for name, by_realis in splits["all"].events.items():
        rows[name] = [*(s.of_type(name) for s in splits.values()), *by_realis.values()]
    realis = list(next(iter(splits["all"].events.values())))
    return _table(["event type", *splits, *realis], rows)


def _genre_line(documents: dict[str, list[Document]]) -> str:
    everything = count([d for part in documents.values() for d in part])
    genres = ", ".join(f"{name} {number}" for name, number in everything.meta["genre"].items())
    return f"Sentences by genre: {genres}."


def _country_line(everything: CorpusStats) -> str:
    countries = everything.meta["country"].items()
    return "Sentences by country: " + ", ".join(f"{name} {n}" for name, n in countries) + "."


def _table(head: list[str], rows: dict[str, list[int]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|---{'|---:' * (len(head) - 1)}|"]
    lines += [f"| {name} | {' | '.join(map(str, values))} |" for name, values in rows.items()]
    return "\n".join(lines)
