"""``.eval_results/*.yaml``: figures that a dataset's page on the hub lists beside those of others.

https://huggingface.co/docs/hub/eval-results describes the format. Only what lies on the hub has an
id there, so whoever writes the card says which data are which dataset.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from marsad.errors import ConfigError
from marsad.files import atomic_write
from marsad.metrics import Metrics
from marsad.model_folder import ModelFolder

FILE = Path(".eval_results", "marsad.yaml")
_FIGURES = {"entities": "strict span micro F1", "events": "event type micro F1"}


def write_results(
    folder: ModelFolder, metrics: Metrics, datasets: Mapping[str, str]
) -> Path | None:
    """Write the results on datasets of the hub, or remove older ones where there is none.

    Args:
        folder: the model's.
        metrics: its record.
        datasets: the id on the hub of data that it was evaluated on.

    Raises:
        ConfigError: data that the record does not hold, or an id that cannot be one.
    """
    path = folder.path / FILE
    entries = list(_entries(metrics, datasets))
    if not entries:
        path.unlink(missing_ok=True)
        return None
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as out:
        yaml.safe_dump(eval_result_entries_to_yaml(entries), out, sort_keys=False)
    return path


def _entries(metrics: Metrics, datasets: Mapping[str, str]) -> Iterator[EvalResultEntry]:
    for data, dataset in datasets.items():
        if data not in metrics.evaluations:
            known = ", ".join(metrics.evaluations)
            raise ConfigError(f"{data}: the model was not evaluated on it; it was on: {known}")
        try:
            validate_repo_id(dataset)
        except HFValidationError as error:
            raise ConfigError(f"{dataset}: {' '.join(str(error).split())}") from None
        own = metrics.evaluations[data]
        for task, table in own.scores.tables.items():
            yield EvalResultEntry(
                dataset_id=dataset,
                task_id=task,
                value=round(100 * table.micro.f1, 2),
                notes=f"{_FIGURES[task]}, marsad scorer {own.scorer}, {own.read_with}; "
                f"data SHA-256 {own.data_sha256[:16]}",
            )
