"""A spaCy component: ``nlp.add_pipe("marsad", config={"model": "runs/joint"})``.

Mentions become ``doc.ents`` and, with their scores, ``doc.spans["marsad"]``; sentences become those
of the doc, and their events ``sentence._.events``. The record is ``doc._.marsad``, as JSON values.
A mention never holds its proclitic, a token of spaCy may: such tokens are split, so that offsets
are exact.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise, tee

from spacy.language import Language
from spacy.tokens import Doc, Span, Token

from marsad.document import Document, Event
from marsad.errors import ConfigError
from marsad.reader import Reader
from marsad.runtime import load

SPANS = "marsad"

Doc.set_extension("marsad", default=None, force=True)
Span.set_extension("score", default=None, force=True)
Span.set_extension("events", getter=lambda span: _events_of(span), force=True)


@Language.factory(
    "marsad",
    assigns=["doc.ents", "doc.spans", "doc.sents", "doc._.marsad", "span._.events", "span._.score"],
    default_config={"file": None, "abstain": None},
)
def make_marsad(
    nlp: Language, name: str, model: str, file: str | None, abstain: float | None
) -> "MarsadPipe":
    """Return the component; its values are those of :func:`marsad.runtime.load`."""
    return MarsadPipe(load(model, file=file, abstain=abstain))


class MarsadPipe:
    """Reads docs of spaCy."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def __call__(self, doc: Doc) -> Doc:
        """Read one doc."""
        return annotate(doc, self.reader(doc.text))

    def pipe(self, stream: Iterable[Doc], batch_size: int = 32) -> Iterator[Doc]:
        """Read many docs; they come in order."""
        docs, texts = tee(stream)
        read = self.reader.pipe((doc.text for doc in texts), batch_size=batch_size)
        return map(annotate, docs, read)


def annotate(doc: Doc, document: Document) -> Doc:
    """Write what was read into a doc of the same text.

    Args:
        doc: its tokens are split where a mention or sentence begins or ends inside one.
        document: the record.
    """
    if len(doc) and doc.has_annotation("DEP"):
        raise ConfigError("marsad: a parser has cut the sentences; add marsad before it")
    _split(doc, document)
    for token in doc:
        token.is_sent_start = False
    for sentence in document.sentences:
        _span(doc, sentence.start, sentence.end)[0].is_sent_start = True
    spans = [_span(doc, e.start, e.end, e.label) for e in document.entities]
    for span, entity in zip(spans, document.entities, strict=True):
        span._.score = entity.score
    doc.set_ents(spans)
    doc.spans[SPANS] = spans
    doc._.marsad = document.to_record()
    return doc


def _span(doc: Doc, start: int, end: int, label: str = "") -> Span:
    span = doc.char_span(start, end, label=label)
    assert span is not None, "tokens were split at its edges"
    return span


def _split(doc: Doc, document: Document) -> None:
    """Split tokens so that every mention and sentence begins and ends with one."""
    spans = [
        *((own.start, own.end) for own in document.entities),
        *((own.start, own.end) for own in document.sentences),
    ]
    edges = sorted(set(chain.from_iterable(spans)))
    text = document.text  # the same as the doc's, which spaCy would put together anew
    with doc.retokenize() as retokenizer:
        for token in doc:
            end = token.idx + len(token)
            cuts = edges[bisect_right(edges, token.idx) : bisect_left(edges, end)]
            if cuts:
                bounds = [token.idx, *cuts, end]
                parts = [text[a:b] for a, b in pairwise(bounds)]
                heads: list[Token | tuple[Token, int]] = [(token, i) for i in range(len(parts))]
                retokenizer.split(token, parts, heads=heads)


def _events_of(span: Span) -> tuple[Event, ...]:
    """Return the events of the sentences that a span covers."""
    if span.doc._.marsad is None:
        return ()
    return tuple(
        Event(event["type"], event["realis"], event.get("score"))
        for sentence in span.doc._.marsad["sentences"]
        if span.start_char <= sentence["start"] and sentence["end"] <= span.end_char
        for event in sentence["events"]
    )
