"""What corpora teach of our labels: which by themselves, which in groups alone, which never."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from marsad.benchmarks import PREFIX, PUBLICATIONS
from marsad.labels import Source, scheme


@dataclass(frozen=True)
class Teaching:
    """How the names of a kind, in the scheme's order, were taught.

    ``open`` are groups that a corpus has one label for, with at least one name that no corpus
    marks by itself: which of the group is meant was never said.
    """

    taught: tuple[str, ...]
    open: tuple[tuple[str, ...], ...]
    never: tuple[str, ...]

    def caveat(self, kind: str) -> str:
        """Say what was not taught by itself; empty where everything was.

        Args:
            kind: what the names are, in the plural.
        """
        number = len({*self.taught, *self.never}.union(*self.open))
        if len(self.taught) == number:
            return ""
        if not self.taught and not self.open:
            return f"None of the {number} {kind} was taught: do not rely on what it says of them."
        never = f" Never taught, and not to be relied on: {', '.join(self.never)}."
        return f"Of the {number} {kind}, {self._said()}.{never if self.never else ''}"

    def _said(self) -> str:
        """Say what was taught by itself, and what in groups."""
        verb = "was" if len(self.taught) == 1 else "were"
        alone = f"{_listed(self.taught, 'and')} {verb} taught"
        groups = "; ".join(_listed(group, "or") for group in self.open)
        grouped = f"only as one of a group, never told apart ({groups})"
        if not self.taught:
            return f"none was taught by itself, but {grouped}"
        return f"{alone}, and others {grouped}" if self.open else alone


def teaching_of_entities(corpora: Iterable[str]) -> Teaching:
    """Return how entity labels are taught by corpora: files of ours, or ``public:`` names."""
    return _teaching([s.entities if s else None for s in _sources(corpora)], scheme().entity_names)


def teaching_of_events(corpora: Iterable[str]) -> Teaching:
    """Return the same of event types."""
    return _teaching([s.events if s else None for s in _sources(corpora)], scheme().event_names)


def teach_realis(corpora: Iterable[str]) -> bool:
    """Say whether corpora teach realis, which files of ours alone have."""
    return None in _sources(corpora)


def _sources(corpora: Iterable[str]) -> list[Source | None]:
    """Return whose labels each corpus has; None: ours."""
    return [
        scheme().sources[PUBLICATIONS[name].source] if name.startswith(PREFIX) else None
        for name in corpora
    ]


def _teaching(
    crosswalks: Sequence[Mapping[str, tuple[str, ...]] | None], names: tuple[str, ...]
) -> Teaching:
    """Join what corpora teach; a crosswalk says which of ours a label may be, None is ours."""
    if None in crosswalks:
        return Teaching(names, (), ())
    groups = dict.fromkeys(own for walk in crosswalks if walk for own in walk.values() if own)
    alone = {group[0] for group in groups if len(group) == 1}
    unsure = tuple(group for group in groups if not alone.issuperset(group))
    held = alone.union(*unsure)
    return Teaching(
        tuple(name for name in names if name in alone),
        unsure,
        tuple(name for name in names if name not in held),
    )


def _listed(names: Sequence[str], word: str) -> str:
    *first, last = names or ("",)
    return f"{', '.join(first)} {word} {last}" if first else last
