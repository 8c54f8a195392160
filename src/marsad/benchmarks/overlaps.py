"""Which texts stand under which names, so that no figure hides that a model has seen them.

Public corpora are told apart by their parts, files of ours by their paths and, where they are at
hand, by their documents.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from marsad.benchmarks import PREFIX
from marsad.corpus import read_corpus, words_of
from marsad.labels import scheme

Parts = frozenset[str]

_VOTED = tuple(name.lower() for name in scheme().sources["event_gsr"].events)


def _votes(*classes: str, of: Iterable[str]) -> Parts:
    """Name parts of the files of votes; a text or two in both files fall into the same part."""
    return frozenset(f"{name} {part}" for name in classes for part in of)


# The parts that each benchmark holds.
HELD: Mapping[str, Parts] = MappingProxyType(
    {
        **dict.fromkeys(("public:anercorp", "public:anercorp+context"), Parts({"anercorp test"})),
        **dict.fromkeys(
            ("public:anercorp-dev", "public:anercorp-dev+context"), Parts({"anercorp dev"})
        ),
        "public:wojood": Parts({"wojood val"}),
        "public:assault+abduction": _votes("assault", of=("train", "dev", "test")),
        **{f"public:{name}": _votes(name, of=("train", "dev", "test")) for name in _VOTED},
        **{
            f"public:{name}-{part}": _votes(name, of=[part])
            for name in _VOTED
            for part in ("test", "dev")
        },
    }
)

# The parts that each training corpus teaches.
TAUGHT: Mapping[str, Parts] = MappingProxyType(
    {
        **dict.fromkeys(("public:anercorp", "public:anercorp+context"), Parts({"anercorp train"})),
        "public:wojood": Parts({"wojood train"}),
        "public:event_gsr": _votes(*_VOTED, of=["train"]),
    }
)


def share_texts(
    benchmarks: Iterable[str], *, learnt: Iterable[str], chosen_on: Iterable[str]
) -> list[str]:
    """Return which benchmarks hold texts of what a model was taught or chosen on.

    Args:
        benchmarks: names or paths of what it is scored on.
        learnt: names or paths of training corpora.
        chosen_on: names or paths of benchmarks that its weights or thresholds were chosen by.

    Raises:
        DataError: a file of ours that is there holds no documents.
    """
    seen = _texts(learnt, TAUGHT) | _texts(chosen_on, HELD)
    return sorted(data for data in set(benchmarks) if _texts([data], HELD) & seen)


def _texts(corpora: Iterable[str], parts: Mapping[str, Parts]) -> set[str | Path]:
    """Return the parts of public corpora, and of files of ours the paths and documents' words."""
    texts: set[str | Path] = set()
    for data in corpora:
        if data.startswith(PREFIX):
            texts |= parts.get(data, Parts())
            continue
        path = Path(data).resolve()
        texts |= {path, *(map(words_of, read_corpus(path)) if path.exists() else ())}
    return texts
