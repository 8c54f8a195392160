"""Environments with what a plain `pip install marsad` brings, and no more."""

import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT


def needed(name: str, found: dict[str, Distribution] | None = None) -> dict[str, Distribution]:
    """Return a distribution and all that it requires, without extras, by name."""
    found, name = {} if found is None else found, canonicalize_name(name)
    if name not in found:
        found[name] = distribution(name)
        for line in found[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed(requirement.name, found)
    return found


def plain_environment(path: Path) -> Path:
    """Make an environment of what marsad requires, linked from this one; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    (site,) = path.glob("lib/python*/site-packages")
    for name, own in needed("marsad").items():
        if name != "marsad":
            for top in {file.parts[0] for file in own.files or () if file.parts[0] != ".."}:
                if top != "__pycache__":
                    (site / top).symlink_to(Path(str(own.locate_file(top))))
    (site / "marsad").symlink_to(ROOT / "src" / "marsad")
    return path / "bin" / "python"
