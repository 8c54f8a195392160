"""A model folder on the hub: its files as they are, with the card, in one commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from marsad.errors import ConfigError, ModelError
from marsad.hub_results import FILE
from marsad.model_folder import ModelFolder

# Of the client that huggingface_hub has, whichever it is: no connection, no answer in time.
_TRANSPORT_ERROR: type[Exception] = HfHubHTTPError.__bases__[0]


@dataclass(frozen=True)
class Upload:
    """What would be uploaded, and where to."""

    repository: str
    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)


def plan_upload(folder: ModelFolder, repository: str) -> Upload:
    """Return what of a model folder goes to the hub: files, checksums, signature and results.

    Raises:
        ConfigError: the name of the repository is none.
        ModelError: there is no card, or a file fails its checksum.
    """
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise ConfigError(f"{repository}: {' '.join(str(error).split())}") from None
    folder.require("card", "write it with `marsad card write`")
    folder.verify()
    sums = folder.path / ModelFolder.CHECKSUMS
    if not sums.exists():
        raise ModelError(f"{sums}: no such file; write the card again with `marsad card write`")
    others = (folder.path / name for name in (ModelFolder.SIGNATURE, FILE))
    return Upload(repository, (*folder.present(), sums, *(p for p in others if p.exists())))


def push(folder: ModelFolder, upload: Upload, *, private: bool) -> str:
    """Upload a folder, and return the address of the commit.

    The token is huggingface_hub's own: HF_TOKEN, or what `hf auth login` keeps; HF_ENDPOINT names
    another hub.

    Args:
        folder: the model's.
        upload: from :func:`plan_upload`.
        private: whether a repository that is made for it is.

    Raises:
        ModelError: the hub cannot be reached, or refuses.
    """
    api = HfApi()
    try:
        api.create_repo(upload.repository, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=upload.repository,
            folder_path=folder.path,
            allow_patterns=[p.relative_to(folder.path).as_posix() for p in upload.files],
            delete_patterns=_stale(upload.files, folder),
            commit_message=f"{folder.path.name}, as `marsad card push` found it",
        )
    except (HfHubHTTPError, _TRANSPORT_ERROR, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(
            f"{upload.repository}: cannot be uploaded ({reason}); check HF_TOKEN, HF_ENDPOINT and "
            "the connection; no file of it was published"
        ) from None
    return str(commit.commit_url)


def _stale(files: Iterable[Path], folder: ModelFolder) -> list[str]:
    """Return what an earlier upload may have left of a model folder, and this one does not have."""
    layout = {*ModelFolder.FILES.values(), ModelFolder.CHECKSUMS, ModelFolder.SIGNATURE, str(FILE)}
    return sorted(layout - {path.relative_to(folder.path).as_posix() for path in files})
