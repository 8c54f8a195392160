"""Whether a system read the annotated text, or another one."""

from marsad.document import Document
from marsad.errors import DataError

_AROUND = 20  # characters that an error shows of each text


def check_text(text: object, gold: Document, where: str) -> None:
    """Check that a text is the annotated one.

    Raises:
        DataError: it is not; the message shows where the two part.
    """
    if text == gold.text:
        return
    if not isinstance(text, str):
        raise DataError(f"{where}: has no `text`; give the text that the system read")
    pairs = enumerate(zip(text, gold.text, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(text), len(gold.text)))
    theirs, ours = (side[at : at + _AROUND] for side in (text, gold.text))
    raise DataError(
        f"{where}: from {at} on its text is {theirs!r} and the annotated one {ours!r}; "
        "predict on the annotated text, documents in its order"
    )
