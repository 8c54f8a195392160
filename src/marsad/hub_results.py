"""``.eval_results/*.yaml``: figures that the page of a benchmark on the hub lists.

https://huggingface.co/docs/hub/eval-results describes the format. What a benchmark is called there
only whoever writes the card can say; its tasks must be named ``entities`` and ``events``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from marsad.card_tables import FIGURES
from marsad.errors import ConfigError
from marsad.files import atomic_write
from marsad.metrics import Evaluation, Metrics
from marsad.model_folder import ModelFolder

FILE = Path(".eval_results", "marsad.yaml")


def results_on(metrics: Metrics, datasets: Mapping[str, str]) -> list[EvalResultEntry]:
    """Return a model's results on datasets of the hub.

    Args:
        metrics: the model's record.
        datasets: the id on the hub of data that it was evaluated on.

    Raises:
        ConfigError: data that the record does not hold, or an id that cannot be one.
    """
    for data, dataset in datasets.items():
        if data not in metrics.evaluations:
            known = ", ".join(metrics.evaluations) or "nothing yet"
            raise ConfigError(f"{data}: the model was not evaluated on it, but on {known}")
        try:
            validate_repo_id(dataset)
        except HFValidationError as error:
            raise ConfigError(f"{dataset}: {' '.join(str(error).split())}") from None
    return [
        _result(dataset, metrics.evaluations[data], task)
        for data, dataset in datasets.items()
        for task in metrics.evaluations[data].scores.tables
    ]


def _result(dataset: str, evaluation: Evaluation, task: str) -> EvalResultEntry:
    return EvalResultEntry(
        dataset_id=dataset,
        task_id=task,
        value=round(evaluation.scores.tables[task].micro.f1, 4),
        notes=f"{FIGURES[task]}, marsad scorer {evaluation.scorer}, {evaluation.read_with}; "
        f"data SHA-256 {evaluation.data_sha256[:16]}",
    )


def write_results(folder: ModelFolder, entries: Sequence[EvalResultEntry]) -> Path | None:
    """Write results into a model folder; without any, those of an earlier card are removed."""
    path = folder.path / FILE
    if not entries:
        path.unlink(missing_ok=True)
        return None
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as out:
        yaml.safe_dump(eval_result_entries_to_yaml(list(entries)), out, sort_keys=False)
    return path
