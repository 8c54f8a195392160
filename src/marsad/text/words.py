"""Words: the units that carry one entity tag each.

A word is a run of letters, digits and the marks that belong to them (harakat, tatweel, zero-width
and bidi controls); a number keeps its separators (14.30); every other visible character is a word
of its own. Words depend on the text alone, never on a tokenizer.
"""

import re

import numpy as np
import numpy.typing as npt

# Marks that Python's \w leaves out but that belong to the letter before them: combining marks
# of Latin and Arabic, variation selectors, zero-width characters and bidi controls.
MARKS = (
    "\u00ad\u0300-\u036f\u0610-\u061a\u061c\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4"
    "\u06e7\u06e8\u06ea-\u06ed\u0897-\u089f\u08ca-\u08e1\u08e3-\u08ff\u200b-\u200f"
    "\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufe20-\ufe2f\ufeff"
)
_WORD = re.compile(
    rf"\d+(?:[.,:/٫٬]\d+)+(?:[^\W_]|[{MARKS}])*"  # 14.30  1,200  2018/7
    rf"|(?:[^\W_]|[{MARKS}])+"  # letters, digits and their marks
    r"|\S"  # anything else that can be seen
)

# The longest proclitic chain that a mention's first word may carry: وال / الـ / وبالـ
MAX_PROCLITIC = 4


def find_words(text: str) -> npt.NDArray[np.int64]:
    """Return the words of a text as an array of shape (words, 2): start and end offsets."""
    spans = [match.span() for match in _WORD.finditer(text)]
    return np.array(spans, dtype=np.int64).reshape(-1, 2)
