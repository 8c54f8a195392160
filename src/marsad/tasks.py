"""What a model is trained to do."""

from typing import Literal

Task = Literal["joint", "ner", "events"]
