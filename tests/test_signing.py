"""Signatures of model folders, with keys of an owner who is not online."""

import json
from collections.abc import Callable
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from marsad.errors import ConfigError, ModelError
from marsad.model_folder import ModelFolder
from marsad.publishing import plan_upload
from marsad.signing import check_signature, sign
from tests.keys import write_keys

NAMES = ("README.md", "config.json", "labels.yaml", "model.int8.onnx", "tokenizer.json")


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    """Return a folder of files; what is in them matters to nobody who signs."""
    made = ModelFolder(tmp_path / "model")
    made.path.mkdir()
    for name in NAMES:
        (made.path / name).write_text(f"this is {name}", encoding="utf-8")
    (made.path / "test.html").write_text("a report", encoding="utf-8")
    made.write_checksums()
    return made


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return write_keys(tmp_path, "key")


def test_what_was_signed_holds_and_goes_to_the_hub(folder: ModelFolder, keys: tuple[Path, Path]):
    private, public = keys
    sign(folder, private)
    check_signature(folder, public)
    uploaded = {path.name for path in plan_upload(folder, "someone/model").files}
    assert uploaded == {*NAMES, ModelFolder.CHECKSUMS, ModelFolder.SIGNATURE}


def test_reports_beside_the_model_may_come_and_go(folder: ModelFolder, keys: tuple[Path, Path]):
    private, public = keys
    sign(folder, private)
    (folder.path / "test.html").unlink()
    (folder.path / "place.html").write_text("another report", encoding="utf-8")
    check_signature(folder, public)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def renew(folder: ModelFolder) -> None:
    """Write checksums as somebody would who leaves the signature where it is."""
    signature = folder.path / ModelFolder.SIGNATURE
    kept = signature.read_bytes()
    folder.write_checksums()
    signature.write_bytes(kept)


def flip_and_renew(folder: ModelFolder) -> None:
    flip(folder["onnx_int8"])
    renew(folder)


def add_weights(folder: ModelFolder) -> None:
    folder["weights"].write_bytes(b"weights of somebody else")


def add_and_list_weights(folder: ModelFolder) -> None:
    add_weights(folder)
    renew(folder)


def add_weights_and_take_the_checksums(folder: ModelFolder) -> None:
    add_weights(folder)
    (folder.path / ModelFolder.CHECKSUMS).unlink()


@pytest.mark.parametrize(
    "tamper",
    [
        *(lambda folder, name=name: flip(folder.path / name) for name in (*NAMES, "SHA256SUMS")),
        *(lambda folder, name=name: (folder.path / name).unlink() for name in NAMES),
        flip_and_renew,
        add_weights,
        add_and_list_weights,
        add_weights_and_take_the_checksums,
    ],
)
def test_one_byte_or_one_file_more_or_less_is_found(
    folder: ModelFolder, keys: tuple[Path, Path], tamper: Callable[[ModelFolder], None]
):
    private, public = keys
    sign(folder, private)
    tamper(folder)
    with pytest.raises(ModelError, match="does not"):
        check_signature(folder, public)


@pytest.mark.parametrize(
    "place",
    [
        ("dsseEnvelope", "payload"),
        ("dsseEnvelope", "signatures", 0, "sig"),
        ("verificationMaterial", "publicKey", "hint"),
    ],
)
def test_a_signature_that_was_changed_does_not_hold(
    folder: ModelFolder, keys: tuple[Path, Path], place: tuple[str | int, ...]
):
    private, public = keys
    signature = sign(folder, private)
    record = json.loads(signature.read_text(encoding="utf-8"))
    own = reduce(getitem, place[:-1], record)
    own[place[-1]] = own[place[-1]].replace("A", "a") if "payload" in place else "0" * 64
    signature.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ModelError, match="does not hold"):
        check_signature(folder, public)


@pytest.mark.parametrize("content", ["", "no signature", "{}", "[]", None])
def test_what_is_no_signature_does_not_hold(
    folder: ModelFolder, keys: tuple[Path, Path], content: str | None
):
    if content is None:  # an envelope that nobody signed
        record = json.loads(sign(folder, keys[0]).read_text(encoding="utf-8"))
        record["dsseEnvelope"]["signatures"] = []
        content = json.dumps(record)
    (folder.path / ModelFolder.SIGNATURE).write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match="does not hold"):
        check_signature(folder, keys[1])


def test_the_key_of_somebody_else_does_not_hold(
    folder: ModelFolder, keys: tuple[Path, Path], tmp_path: Path
):
    sign(folder, keys[0])
    _, other = write_keys(tmp_path, "other")
    with pytest.raises(ModelError, match="Key mismatch"):
        check_signature(folder, other)


def test_what_is_no_key_is_said_in_a_line(
    folder: ModelFolder, keys: tuple[Path, Path], tmp_path: Path
):
    other = tmp_path / "ed25519.pem"
    other.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    for key, reason in (
        (tmp_path / "none.pem", "No such file"),
        (folder["config"], "no PEM key"),
        (other, "no PEM key"),
        (keys[1], "no PEM key"),
    ):
        with pytest.raises(ConfigError, match=reason):
            sign(folder, key)
    assert not (folder.path / ModelFolder.SIGNATURE).exists()


def test_links_to_the_files_are_the_files(
    folder: ModelFolder, keys: tuple[Path, Path], tmp_path: Path
):
    """As the cache of the hub keeps them."""
    private, public = keys
    links = ModelFolder(tmp_path / "links")
    links.path.mkdir()
    for path in folder.path.iterdir():
        (links.path / path.name).symlink_to(path)
    sign(links, private)
    check_signature(links, public)


def test_what_is_written_after_signing_takes_the_signature_away(
    folder: ModelFolder, keys: tuple[Path, Path]
):
    sign(folder, keys[0])
    folder["card"].write_text("another card", encoding="utf-8")
    folder.write_checksums()
    assert not (folder.path / ModelFolder.SIGNATURE).exists()


def test_what_is_not_signed_or_not_whole_is_told(folder: ModelFolder, keys: tuple[Path, Path]):
    private, public = keys
    with pytest.raises(ModelError, match="not signed"):
        check_signature(folder, public)
    flip(folder["onnx_int8"])
    with pytest.raises(ModelError, match="does not match"):
        sign(folder, private)
    (folder.path / ModelFolder.CHECKSUMS).unlink()
    with pytest.raises(ModelError, match="does not hold SHA256SUMS"):
        sign(folder, private)
    folder["card"].unlink()
    with pytest.raises(ModelError, match=r"README\.md"):
        sign(folder, private)
