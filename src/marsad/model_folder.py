"""A model folder: which files it holds, what they say of the model, and their checksums."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from marsad.errors import ConfigError, ModelError
from marsad.files import atomic_write, remove_leftovers, sha256
from marsad.labels import Scheme, read_scheme, scheme
from marsad.tasks import Task
from marsad.text.cleaning import Cleaning, read_cleaning
from marsad.text.windows import Pooling, SpecialIds

SETTINGS_KEY = "marsad"
ARCHITECTURE = "MarsadModel"  # of a joint model, in config.json


@dataclass(frozen=True)
class ModelFolder:
    """The layout of a model folder; saving, loading, checksums and cards iterate over it."""

    path: Path

    FILES: ClassVar[Mapping[str, str]] = {
        "card": "README.md",
        "config": "config.json",
        "run": "run.yaml",
        "log": "metrics.jsonl",
        "metrics": "metrics.json",
        "labels": "labels.yaml",
        "calibration": "calibration.json",
        "tokenizer": "tokenizer.json",
        "tokenizer_config": "tokenizer_config.json",
        "weights": "model.safetensors",
        "heads": "heads.safetensors",
        "onnx": "model.onnx",
        "onnx_int8": "model.int8.onnx",
        "onnx_fp16": "model.fp16.onnx",
    }
    CHECKSUMS: ClassVar[str] = "SHA256SUMS"
    SIGNATURE: ClassVar[str] = "model.sig"

    def __getitem__(self, role: str) -> Path:
        """Return the path of the file with this role, whether or not it exists."""
        return self.path / self.FILES[role]

    def present(self) -> Iterator[Path]:
        """Yield the files of the layout that exist."""
        return (self[role] for role in self.FILES if self[role].exists())

    def require(self, role: str, remedy: str) -> Path:
        """Return the path of a file that must exist.

        Raises:
            ModelError: it does not; the message names ``remedy``.
        """
        if not self.path.is_dir():
            raise ModelError(f"{self.path}: no such model folder; {remedy}")
        if not self[role].exists():
            raise ModelError(f"{self.path}: no {self.FILES[role]} in this folder; {remedy}")
        return self[role]

    def replace_with(self, staged: "ModelFolder") -> None:
        """Put a model that was written to another folder of the same disk in the place of this one.

        By renames alone, so that neither a full disk nor a kill mixes the two: while it is half
        done there is no ``config.json``, without which nothing is loaded. What was made from the
        older model goes with it; other files of the folder stay.
        """
        self.remove_leftovers()
        last = ("config.json", self.CHECKSUMS, self.SIGNATURE)
        for path in (*(self.path / name for name in last), *self.present()):
            if path != self["run"]:  # by which the folder is known as one of ours
                path.unlink(missing_ok=True)
        run = self["run"].name
        order = sorted(staged.path.iterdir(), key=lambda own: (own.name in last, own.name != run))
        for path in order:
            path.replace(self.path / path.name)

    def refuse_strangers(self, *read: str) -> None:
        """Refuse a folder in which a new model would replace what is no model of ours.

        Args:
            read: the folders or names of what the new one begins with.

        Raises:
            ConfigError: it is one of those, or has files by the names of a model's and no record of
                a run.
        """
        if any(Path(name).resolve() == self.path.resolve() for name in read):
            raise ConfigError(f"output: {self.path} is what the run begins with; name another")
        strange = None if self["run"].exists() else next(self.present(), None)
        if strange:
            raise ConfigError(
                f"output: {strange} would be replaced, and there is no {self['run'].name} that "
                "shows it to be of a model of ours; name another folder, or move it away"
            )

    def remove_leftovers(self) -> None:
        """Remove what a writer that was killed left of files half written."""
        for name in (*self.FILES.values(), self.CHECKSUMS):
            remove_leftovers(self.path / name)

    def write_checksums(self) -> None:
        """Write ``SHA256SUMS`` as ``sha256sum`` does, and remove the signature of older ones."""
        (self.path / self.SIGNATURE).unlink(missing_ok=True)
        lines = (f"{sha256(path)}  {path.name}\n" for path in self.present())
        with atomic_write(self.path / self.CHECKSUMS) as out:
            out.writelines(lines)

    def verify(self, *roles: str) -> None:
        """Compare files with ``SHA256SUMS``, when that is there; without roles, all of them.

        Raises:
            ModelError: a file was changed or is not listed; or, of all, one that is listed is gone.
        """
        listing = self.path / self.CHECKSUMS
        if not listing.exists():
            return
        try:
            lines = listing.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise ModelError(f"{listing}: not a list of checksums; take the folder anew") from None
        expected = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        gone = [name for name in expected if not (roles or (self.path / name).exists())]
        if gone:
            raise ModelError(
                f"{self.path / gone[0]}: is listed in {listing.name} and is not there; take the "
                "folder anew, or write the card again if you removed it on purpose"
            )
        for path in (self[role] for role in roles or self.FILES):
            if path.exists() and expected.get(path.name) != sha256(path):
                raise ModelError(
                    f"{path}: does not match {listing.name}; take the folder anew, "
                    "or write the card again if you changed it on purpose"
                )


@dataclass(frozen=True)
class ModelSettings:
    """What a reader must know of a model besides its weights; kept in ``config.json``."""

    name: str
    version: str
    task: Task
    pooling: Pooling
    scheme_digest: str
    max_tokens: int
    overlap: int
    special: SpecialIds
    cleaning: Cleaning = ()
    context: int = 0

    @property
    def max_sentences(self) -> int:
        """How many sentences a window may hold."""
        return 1 if self.pooling == "first" else self.max_tokens

    def to_config(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)


def read_settings(folder: ModelFolder) -> ModelSettings:
    """Read the settings of a model and check that its label file is the one it was trained with.

    Raises:
        ModelError: no model in the folder, or one of another label scheme.
    """
    path = folder.require("config", "name a folder that `marsad train` wrote")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))[SETTINGS_KEY]
        special, cleaning = SpecialIds(**raw["special"]), read_cleaning(raw["cleaning"])
        settings = ModelSettings(**{**raw, "special": special, "cleaning": cleaning})
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        raise ModelError(
            f"{path}: not the config of a marsad model; name a folder that `marsad train` wrote"
        ) from None
    _check_scheme(read_scheme(folder["labels"]), settings, folder)
    return settings


def _check_scheme(own: Scheme, settings: ModelSettings, folder: ModelFolder) -> None:
    if own.digest != settings.scheme_digest:
        raise ModelError(f"{folder['labels']}: not the label file the model was trained with")
    if own.digest != scheme().digest:
        raise ModelError(
            f"{folder.path}: trained under label scheme {own.digest}, this marsad has "
            f"{scheme().digest}; use the marsad version that made the model"
        )
