"""Documents written as one string: ``وصل [أحمد علي:PER] إلى [درعا:GPE]``, one sentence a line."""

import re

from marsad.document import Document, Entity, Event, Sentence
from marsad.stress.perturbation import Perturbed

_MENTION = re.compile(r"\[([^\]:]+):([A-Z]+)\]")


def read(marked: str, *events: tuple[str, ...]) -> Document:
    """Read a marked text; ``events`` are the actual types of each sentence in turn."""
    text, entities, done = "", [], 0
    for match in _MENTION.finditer(marked):
        text += marked[done : match.start()]
        entities.append(Entity(len(text), len(text) + len(match[1]), match[2]))
        text += match[1]
        done = match.end()
    text += marked[done:]
    sentences, start = [], 0
    for index, line in enumerate(text.split("\n")):
        types = events[index] if index < len(events) else ()
        own = tuple(Event(type_, "actual") for type_ in types)
        sentences.append(Sentence(start, start + len(line), own))
        start += len(line) + 1
    return Document("d", text, tuple(sentences), tuple(entities))


def write(document: Document) -> str:
    """Write a document as marked text."""
    marked, done = "", 0
    for entity in sorted(document.entities):
        marked += document.text[done : entity.start]
        marked += f"[{document.mention(entity)}:{entity.label}]"
        done = entity.end
    return marked + document.text[done:]


def marked(perturbed: Perturbed | None) -> str:
    """Write the rewritten document as marked text."""
    assert perturbed is not None
    return write(perturbed.document)
