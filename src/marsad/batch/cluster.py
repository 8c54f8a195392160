"""Parts on a cluster: Ray Data hands them to a pool of readers, one model each.

Only what a part is travels, not its documents: every node sees input, model and output under the
same paths. A reader that dies is started anew and its part read again; the pool grows and shrinks
between its bounds, and no more parts are handed out than readers take (Moritz et al. 2018, "Ray: A
Distributed Framework for Emerging AI Applications").
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.data import ActorPoolStrategy, DataContext, from_items

from marsad.batch.parts import Part
from marsad.batch.run import Engine, read_part
from marsad.errors import ConfigError
from marsad.reader import Reader


@dataclass(frozen=True)
class Cluster:
    """Where the readers are, and how many.

    ``address`` is that of a running cluster; None starts one on this machine. ``least`` and
    ``most`` bound the readers, of ``cores`` each.
    """

    address: str | None = None
    least: int = 1
    most: int = 1
    cores: int = 1


class PartReader:
    """A reader that an actor holds; rows have a ``part`` as JSON."""

    def __init__(self, opened: Callable[[], Reader], output: Path) -> None:
        self.reader = opened()
        self.output = output

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Read the parts of a batch into their files."""
        numbers = [read_part(self.reader, self.output, Part.parse(own)) for own in batch["part"]]
        return {"number": np.array(numbers)}


def on_cluster(opened: Callable[[], Reader], output: Path, cluster: Cluster) -> Engine:
    """Return an engine of a cluster.

    Args:
        opened: loads the model, in each reader; it is sent there.
        output: the folder, under the same path everywhere.
        cluster: where the readers are.
    """
    return partial(_read, opened, output.resolve(), cluster)


def _connect(cluster: Cluster) -> None:
    """Join a cluster, or start one here, that can hold the readers.

    Raises:
        ConfigError: there is no such cluster, or none of its machines has a reader's cores.
    """
    where = cluster.address or "local"
    try:
        ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"--address {where}: no cluster can be joined ({reason})") from None
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    most = max((node["Resources"].get("CPU", 0) for node in nodes), default=0)
    if most < cluster.cores:
        ray.shutdown()
        raise ConfigError(
            f"--cores {cluster.cores}: no machine of the cluster has more than {most:g}"
        )


def _read(
    opened: Callable[[], Reader], output: Path, cluster: Cluster, parts: Sequence[Part]
) -> Iterator[int]:
    if not parts:
        return
    _connect(cluster)
    for noisy in ("ray.data", "ray._private"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        DataContext.get_current().enable_progress_bars = False
        rows = from_items(
            [{"part": own.to_json()} for own in parts], override_num_blocks=len(parts)
        )
        done = rows.map_batches(
            PartReader,
            fn_constructor_args=(opened, output),
            batch_size=1,
            num_cpus=cluster.cores,
            compute=ActorPoolStrategy(min_size=cluster.least, max_size=cluster.most),
        )
        for row in done.iter_rows():
            yield int(row["number"])
    finally:
        ray.shutdown()
