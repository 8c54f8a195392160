"""Where the encoder lies that comes with marsad: ``models/marsad-encoder`` of the repository."""

from pathlib import Path

from marsad.errors import ModelError

BUILTIN = "builtin:"
OWN = "marsad-encoder"


def own_folder() -> Path:
    """Return the folder that was installed with the package, or lies in the repository.

    Raises:
        ModelError: neither is there.
    """
    package = Path(__file__).parent
    for folder in (package / OWN, package.parents[2] / "models" / OWN):
        if (folder / "config.json").exists():
            return folder
    raise ModelError(f"{BUILTIN}{OWN}: not in this installation; install marsad anew")
