"""Cleaning: what an encoder saw before its pre-training, done to text without losing the offsets.

An encoder reads best what looks like the text it was trained on. A cleaning is a sequence of named
steps; it belongs to the encoder, is saved with the model, and is applied by the reader. No caller
ever cleans a text beforehand.

``arabert`` does what the package ``arabert`` 1.0.1 does for ``bert-base-arabertv02`` (Antoun et al.
2020, "AraBERT: Transformer-based Model for Arabic Language Understanding"), and one thing more, for
text in Unicode's decomposed form: ``hamzas``. docs/text.md says how closely, and
``train/compare_cleaning.py`` measures it. Every pattern here takes time linear in the length of
the text, whatever the text.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args
from unicodedata import normalize

from marsad.text.aligned import AlignedText

# The steps, in AraBERT's order, and one that no encoder asks for: training may read some windows so
# (``train.careless_spelling``).
Step = Literal[
    "references",
    "marks",
    "hamzas",
    "tatweel",
    "links",
    "tags",
    "digits",
    "repeats",
    "spaces",
    "slashes",
    "unknown",
    "blanks",
    "careless",
]
Cleaning = tuple[Step, ...]
CleaningName = Literal["none", "marks", "arabert"]

CLEANINGS: Mapping[CleaningName, Cleaning] = {
    "none": (),
    "marks": ("marks", "hamzas", "tatweel"),
    "arabert": tuple(step for step in get_args(Step) if step != "careless"),
}

# Letters as careless copy writes them: without hamza, madda and dots.
CARELESS = dict(zip("أإآٱؤئىة", "ااااوييه", strict=True))

# What stands for a link, a mail address and a user name: pieces of their own in AraBERT.
PLACEHOLDERS = ("[رابط]", "[بريد]", "[مستخدم]")

_LETTERS = "\u0621-\u063a\u0641-\u064a"
_REFERENCE = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[^\t\n\f <&#;]{1,32});?")
_MOST_DIGITS = 4000  # of a number that Python reads
_MARKS = re.compile("[\u064b-\u0652]+")
_HAMZA_APART = re.compile("[اوي][\u0653-\u0655]")
_TATWEEL = re.compile("\u0640+")
_IN_LINK = r"-a-zA-Z0-9@:%_+.~#="
_LINKS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:https?://.)?(?:www\.)?[{_IN_LINK}]{{2,256}}\.[a-z]{{2,6}}\b[{_IN_LINK}?&/]*",
        r"https?://[-a-zA-Z0-9_./~?=%&]+",
        r"www[-a-zA-Z0-9_?=%&/.~]+",
        r"(?<![a-zA-Z])[a-zA-Z]+\.com",
        r"http\S*",
        r"www\S*",
        r"://",
    )
)
_ADDRESSES = (
    re.compile(r"(?<![\w-])[\w-]+@(?:[\w-]+\.)+[\w-]+"),
    re.compile(r"(?<!\S)\S+@\S+"),
)
_USER = re.compile(r"@\w+")
_TAG = re.compile(r"<[^>]+>")
_CARELESS = {ord(letter): plain for letter, plain in CARELESS.items()}
_DIGITS = {ord("٠") + value: str(value) for value in range(10)}
_REPEATED = re.compile(r"(\D)(\1)\1+")
_ALONE = re.compile(rf"([^0-9{_LETTERS}٠-٩a-zA-Z\[\]])")
_BESIDE_DIGITS = rf"[{_LETTERS}٠-٬]+"
_DIGITS_THEN_LETTERS = re.compile(rf"(?<!\d)(\d+)({_BESIDE_DIGITS})")
_LETTERS_THEN_DIGITS = re.compile(rf"(?<![{_LETTERS}٠-٬])({_BESIDE_DIGITS})(\d+)")
_UNKNOWN = re.compile(
    r"[^0-9a-zA-Z\u0621-\u063a\u0640-\u066c\u0671-\u0674\s"
    r"\[\]!\"#$%'()*+,.:;\-<=·>?@\\^_`{|}~—٪’،؟`୍“؛”ۚ»«–…‘]"
)
_BLANKS = re.compile(r"\s+")


def read_cleaning(names: Sequence[str]) -> Cleaning:
    """Return the cleaning with these steps.

    Raises:
        ValueError: one of them is unknown.
    """
    known: tuple[Step, ...] = get_args(Step)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"unknown cleaning step {unknown[0]!r}")
    return tuple(step for name in names for step in known if step == name)


def clean(text: str, cleaning: Cleaning) -> AlignedText:
    """Apply the steps of a cleaning, in their order."""
    aligned = AlignedText.of(text)
    for step in cleaning:
        aligned = _STEPS[step](aligned)
    return aligned


def _references(text: AlignedText) -> AlignedText:
    """``&quot;`` and its like to the characters they name."""
    return text.rewrite(_REFERENCE, lambda match: (_unescape(match.group()),))


def _unescape(reference: str) -> str:
    """Return the character that a reference names, U+FFFD where no character has such a number."""
    return html.unescape(reference) if len(reference) < _MOST_DIGITS else "\ufffd"


def _hamzas(text: AlignedText) -> AlignedText:
    """Hamza and madda that stand behind their letter (Unicode's NFD) into the letter."""
    return text.rewrite(_HAMZA_APART, lambda match: (normalize("NFC", match.group()),))


def _links(text: AlignedText) -> AlignedText:
    """Links, mail addresses and user names to the words that AraBERT knows them by."""
    link, address, user = (f" {word} " for word in PLACEHOLDERS)
    for pattern in _LINKS:
        text = text.sub(pattern, link)
    for pattern in _ADDRESSES:
        text = text.sub(pattern, address)
    return text.sub(_USER, user)


def _tags(text: AlignedText) -> AlignedText:
    return text.sub(_TAG, " ", last=text.text.rfind(">") + 1)


def _spaces(text: AlignedText) -> AlignedText:
    """Set what is no letter, digit or square bracket apart, and digits from letters."""
    text = text.sub(_ALONE, " ", 1, " ")
    text = text.sub(_DIGITS_THEN_LETTERS, " ", 1, " ", 2, " ")
    return text.sub(_LETTERS_THEN_DIGITS, " ", 1, " ", 2, " ")


def _blanks(text: AlignedText) -> AlignedText:
    """One space between words, none at the ends."""
    return text.sub(_BLANKS, " ").strip()


_STEPS: Mapping[Step, Callable[[AlignedText], AlignedText]] = {
    "references": _references,
    "marks": lambda text: text.sub(_MARKS),
    "hamzas": _hamzas,
    "tatweel": lambda text: text.sub(_TATWEEL),
    "links": _links,
    "tags": _tags,
    "digits": lambda text: text.replace_characters(_DIGITS),
    "repeats": lambda text: text.sub(_REPEATED, 1, 2),
    "spaces": _spaces,
    "slashes": lambda text: text.replace_characters({ord("/"): "-"}),
    "unknown": lambda text: text.sub(_UNKNOWN, " "),
    "blanks": _blanks,
    "careless": lambda text: text.replace_characters(_CARELESS),
}
