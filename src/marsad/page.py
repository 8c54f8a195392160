"""A document as one self-contained, right-to-left HTML page: the text untouched, marked up."""

from bisect import bisect_left
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from marsad.document import Document, Entity, Event, Sentence, place_of
from marsad.labels import scheme

_TEMPLATE = Path(__file__).with_name("page.html")

# Twelve hues that stay apart in light and dark; the label is always written beside the colour.
_HUES = (
    "#b5477a", "#8a6d1f", "#7a5bb8", "#2f6fb3", "#b23b3b", "#2b8a57",
    "#4f8f2f", "#a0612b", "#5d6470", "#0f8a8a", "#7b6a58", "#5566cc",
)  # fmt: skip


def render_page(document: Document) -> str:
    """Return the page. Everything from the document is escaped."""
    title = escape(document.id)
    counts = f"{len(document.sentences)} جملة، {len(document.entities)} ذكر"
    model = f"، النموذج {escape(document.model.name)}" if document.model else ""
    hues = zip(scheme().entity_names, _HUES, strict=True)
    entities = sorted(document.entities, key=place_of)
    starts = [entity.start for entity in entities]
    previous_end = 0
    sentences = []
    for sentence in document.sentences:
        new_paragraph = "\n" in document.text[previous_end : sentence.start]
        begun = entities[bisect_left(starts, sentence.start) : bisect_left(starts, sentence.end)]
        inside = [entity for entity in begun if entity.end <= sentence.end]
        sentences.append(_render_sentence(document, sentence, inside, new_paragraph))
        previous_end = sentence.end
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=title,
        summary=counts + model,
        colours="\n".join(f".{name} {{ --hue: {hue}; }}" for name, hue in hues),
        legend="".join(
            f'<li><mark class="{own.name}">{own.gloss}<b>{own.name}</b></mark></li>'
            for own in scheme().entities
        ),
        sentences="\n".join(sentences),
    )


def _render_sentence(
    document: Document, sentence: Sentence, entities: Sequence[Entity], new_paragraph: bool
) -> str:
    pieces = []
    position = sentence.start
    for entity in entities:
        score = "" if entity.score is None else f' title="{entity.score:.2f}"'
        pieces.append(escape(document.text[position : entity.start]))
        pieces.append(
            f'<mark class="{entity.label}"{score}>{escape(document.mention(entity))}'
            f"<b>{entity.label}</b></mark>"
        )
        position = entity.end
    pieces.append(escape(document.text[position : sentence.end]))
    css = "sentence new" if new_paragraph else "sentence"
    return f'<div class="{css}">{"".join(pieces)}{_render_events(sentence.events)}</div>'


def _render_events(events: tuple[Event, ...]) -> str:
    if not events:
        return ""
    gloss = {event.name: event.gloss for event in scheme().events}
    gloss |= {value.name: value.gloss for value in scheme().realis}
    chips = []
    for event in events:
        score = "" if event.score is None else f' title="{event.score:.2f}"'
        chips.append(
            f'<span class="event {event.realis}"{score}>{gloss[event.type]}'
            f"<i>{gloss[event.realis]}</i></span>"
        )
    return f'<div class="events">{"".join(chips)}</div>'
