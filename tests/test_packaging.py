"""What is built to be installed: a wheel and a source distribution, both whole."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from marsad import __version__
from tests.conftest import ROOT
from tests.environments import build

SOURCES = ROOT / "src" / "marsad"
ENCODER = ROOT / "models" / "marsad-encoder"
AROUND = {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "pyproject.toml", "PKG-INFO"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


def files_of(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_whole_library_and_nothing_else(built: tuple[Path, Path]):
    found = files_of(built[0])
    own = {
        path.relative_to(SOURCES.parent).as_posix(): path.read_bytes()
        for path in SOURCES.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    own |= {f"marsad/encoders/{ENCODER.name}/{p.name}": p.read_bytes() for p in ENCODER.iterdir()}
    about = f"marsad-{__version__}.dist-info/"
    assert {n: b for n, b in found.items() if not n.startswith(about)} == own
    assert "marsad/py.typed" in own
    metadata = found[f"{about}METADATA"].decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert "marsad = marsad.cli:main" in found[f"{about}entry_points.txt"].decode()


def test_the_source_distribution_builds_the_same_wheel(built: tuple[Path, Path], tmp_path: Path):
    wheel, source = built
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (project,) = tmp_path.iterdir()
    top = {path.name for path in project.iterdir()}
    assert top - {".gitignore"} == {*AROUND, "src", "models"}
    again, _ = build(project, tmp_path / "again")
    assert files_of(again) == files_of(wheel)
