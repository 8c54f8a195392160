"""Signatures of model folders: who vouches for these very bytes.

In the format of OpenSSF Model Signing (https://github.com/sigstore/model-transparency), by a key
that its owner keeps: an elliptic curve's, as ``openssl ecparam`` makes it, with no network and no
service in between. Signed are the files of the layout and their checksums; reports and other files
that lie in the folder are not, and no reader opens them.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from marsad.errors import ConfigError, MissingExtraError, ModelError
from marsad.files import atomic_write
from marsad.model_folder import ModelFolder


def sign(folder: ModelFolder, private_key: Path) -> Path:
    """Sign a model folder, and return the signature.

    Args:
        folder: with a card, the last thing that is written into it.
        private_key: a PEM file of a key on P-256, P-384 or P-521, without a password.

    Raises:
        ConfigError: the key cannot be read, or is of another kind.
        MissingExtraError: model-signing is not installed.
        ModelError: there is no card, or a file fails its checksum.
    """
    try:
        from model_signing import hashing, signing
    except ModuleNotFoundError:
        raise MissingExtraError("model-signing", "sign") from None
    folder.require("card", "write it with `marsad card write`; signing comes last")
    _require_checksums(folder)
    folder.verify()
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=private_key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _no_key(private_key, error) from None
    left_out = [path.name for path in folder.path.iterdir() if path.name not in _signed(folder)]
    hashed = hashing.Config().set_ignored_paths(paths=left_out).set_allow_symlinks(True)
    config.set_hashing_config(hashed)
    signature = folder.path / ModelFolder.SIGNATURE
    with TemporaryDirectory() as apart:  # whatever lies in the folder counts as part of the model
        config.sign(folder.path, Path(apart) / signature.name)
        text = (Path(apart) / signature.name).read_text(encoding="utf-8")
    with atomic_write(signature) as out:
        out.write(text)
    return signature


def check_signature(folder: ModelFolder, public_key: Path) -> None:
    """Check that the owner of a key signed the files of a folder as they are.

    Raises:
        ConfigError: the key cannot be read, or is of another kind.
        MissingExtraError: model-signing is not installed.
        ModelError: there is no signature, it is another key's, or a file was changed, taken away or
            added since.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from model_signing import hashing, verifying
    except ModuleNotFoundError:
        raise MissingExtraError("model-signing", "sign") from None
    signature = folder.path / ModelFolder.SIGNATURE
    if not signature.exists():
        raise ModelError(f"{folder.path}: not signed; there is no {signature.name}")
    _require_checksums(folder)
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=public_key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _no_key(public_key, error) from None
    try:
        config.set_hashing_config(hashing.Config().set_allow_symlinks(True))
        config.set_ignore_unsigned_files(True).verify(folder.path, signature)
    except (InvalidSignature, ValueError, LookupError, TypeError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{signature}: does not hold ({reason})") from None
    folder.verify()  # a file that was added is signed by nobody and has no checksum


def _require_checksums(folder: ModelFolder) -> None:
    """Refuse a folder without checksums: files that are added later would go unseen.

    Raises:
        ModelError: there are none.
    """
    if not (folder.path / ModelFolder.CHECKSUMS).exists():
        raise ModelError(
            f"{folder.path}: does not hold {ModelFolder.CHECKSUMS}; write its card again"
        )


def _signed(folder: ModelFolder) -> set[str]:
    return {path.name for path in folder.present()} | {ModelFolder.CHECKSUMS}


def _no_key(path: Path, error: Exception) -> ConfigError:
    reason = (
        getattr(error, "strerror", None) or "no PEM key on P-256, P-384 or P-521 without a password"
    )
    return ConfigError(f"{path}: {reason}; docs/release.md says how to make one")
