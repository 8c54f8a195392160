"""Places and factions in the place of others of their kind."""

import random
from collections.abc import Mapping

from marsad.document import Document, Entity
from marsad.stress.edits import Edit
from marsad.stress.lexicon import Names, lexicon
from marsad.stress.perturbation import Perturbed, rewrite
from marsad.stress.proclitics import has_article, proclitics_of, read_after, written_after


def swap_places(document: Document, rng: random.Random) -> Perturbed | None:
    """Put other places in the place of one-word GPE mentions: countries for countries."""
    return _swap(document, rng, "GPE", lexicon().places)


def swap_factions(document: Document, rng: random.Random) -> Perturbed | None:
    """Put other armed sides in the place of MIL mentions, of the same number, gender and case."""
    return _swap(document, rng, "MIL", lexicon().factions)


def put(document: Document, entity: Entity, name: str) -> Edit:
    """Return the edit that puts a name in the place of a mention, fitted to its proclitics."""
    surface = written_after(name, proclitics_of(document, entity))
    return Edit(entity.start, entity.end, surface)


def _swap(
    document: Document, rng: random.Random, label: str, kinds: Mapping[str, Names]
) -> Perturbed | None:
    """Swap the known mentions of a label; one name has one filler all through a document.

    A filler has the article where the name has it, is no mention of the document, and fills in for
    one name only. A name that no filler is left for stays.
    """
    names = {entity: _known(document, entity, label, kinds) for entity in document.entities}
    taken = {name for known in names.values() for name in known}
    fillers: dict[str, str] = {}
    edits = []
    for entity, known in names.items():
        for name in known:
            if name not in fillers and (free := _free(name, kinds, taken)):
                fillers[name] = rng.choice(free)
                taken.add(fillers[name])
            if name in fillers:
                edits.append(put(document, entity, fillers[name]))
    return rewrite(document, edits)


def _known(
    document: Document, entity: Entity, label: str, kinds: Mapping[str, Names]
) -> tuple[str, ...]:
    """Return the name in the lexicon that a mention of the label is, or nothing."""
    if entity.label != label:
        return ()
    forms = read_after(document.mention(entity), proclitics_of(document, entity))
    return tuple(f for f in forms if any(f in names for names in kinds.values()))[:1]


def _free(name: str, kinds: Mapping[str, Names], taken: set[str]) -> list[str]:
    kind = next(names for names in kinds.values() if name in names)
    return [n for n in kind if n not in taken and has_article(n) == has_article(name)]
