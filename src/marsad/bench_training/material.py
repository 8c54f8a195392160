"""The documents of a benchmark: what both recipes learn from and are scored on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from marsad.benchmarks import Benchmark, open_benchmark, open_training
from marsad.config import RunConfig
from marsad.document import Document
from marsad.errors import ConfigError
from marsad.labels import scheme
from marsad.sections import DataConfig, MixturePart


@dataclass(frozen=True)
class Material:
    """A training part and a dev part, by name, as :func:`open_benchmark` takes them.

    ``source`` names the corpus whose labels they have, one of :attr:`Scheme.sources`; None: ours.
    ``corpora`` is the folder of the public corpora.
    """

    train: str
    dev: str
    source: str | None = None
    corpora: Path | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """BIO tags of the labels."""
        return scheme().sources[self.source].tags if self.source else scheme().tags

    @property
    def config(self) -> DataConfig:
        """The same as a run configuration says it; no test part is read."""
        parts = (MixturePart(corpus=self.train),)
        return DataConfig(mixture=parts, dev=self.dev, test=self.dev, corpora=self.corpora)

    def read_training(self) -> Sequence[Document]:
        """Read the training part."""
        return [item.document for item in open_training(self.train, source=self.corpora)]

    def read_dev(self) -> Benchmark:
        """Read the dev part, with a ruler that is blind to proclitics.

        Plain token classification cannot say where inside a word a mention begins.
        """
        benchmark = open_benchmark(self.dev, source=self.corpora)
        return replace(benchmark, ruler=replace(benchmark.ruler, whole_tokens=True))


def anercorp(corpora: Path) -> Material:
    """Return ANERcorp in blocks of neighbouring sentences, which a recipe may read one by one.

    A block holds the mentions of its sentences, so micro F1 is that of ``public:anercorp-dev``.
    """
    name = "public:anercorp{}+context"
    return Material(name.format(""), name.format("-dev"), source="anercorp", corpora=corpora)


def own_corpus(config: RunConfig) -> Material:
    """Return the files of a run configuration.

    Raises:
        ConfigError: it learns from no file of its own.
    """
    if config.data.train is None:
        raise ConfigError("data.train: a benchmark learns from this file alone; name one")
    return Material(config.data.train, config.data.dev)
