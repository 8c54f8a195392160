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


def build(project: Path, output: Path) -> tuple[Path, Path]:
    """Build a project without a network; return its wheel and its source distribution."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(output)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    (wheel,), (source,) = output.glob("*.whl"), output.glob("*.tar.gz")
    return wheel, source


def plain_environment(path: Path) -> Path:
    """Make an environment with marsad's wheel, and what it requires linked from this one.

    Returns:
        Its Python.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    (site,) = path.glob("lib/python*/site-packages")
    for name, own in needed("marsad").items():
        if name != "marsad":
            for top in {file.parts[0] for file in own.files or () if file.parts[0] != ".."}:
                if top != "__pycache__":
                    (site / top).symlink_to(Path(str(own.locate_file(top))))
    python = path / "bin" / "python"
    wheel, _ = build(ROOT, path / "dist")
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(python), "install"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    return python
