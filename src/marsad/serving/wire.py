"""What goes over the wire: requests, checked and bounded, and answers."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, model_validator

from marsad.document import Document


def _writable(value: Any) -> Any:  # noqa: ANN401
    """Check that a value can be written as JSON in UTF-8.

    A request may hold half of a surrogate pair, and numbers that become infinite (``1e999``).
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise ValueError("not Unicode: half of a surrogate pair") from None
    except RecursionError:
        raise ValueError("too many brackets in brackets") from None
    except ValueError:
        raise ValueError("a number is infinite or none, which JSON cannot say") from None
    return value


_MOST_KEYS = 20

Text = Annotated[str, AfterValidator(_writable)]
Meta = Annotated[dict[str, Any], AfterValidator(_writable)]


class _Closed(BaseModel):
    """A part of a request, without other keys than its own."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, value: Any) -> Any:  # noqa: ANN401
        """Refuse a flood of keys as one: each would make an error of its own."""
        if isinstance(value, dict) and len(value) > _MOST_KEYS:
            raise ValueError(f"more than {_MOST_KEYS} keys")
        return value


class Given(_Closed):
    """A document to read."""

    text: Text = Field(description="The text, as it is; offsets of the answer are into it.")
    id: Text = Field("", max_length=1000, description="Comes back with the answer.")
    meta: Meta = Field(default_factory=dict, description="Comes back untouched.")

    def document(self, number: int = 0) -> Document:
        """Return the document; one without a name is called by its number."""
        return Document(id=self.id or str(number), text=self.text, meta=self.meta)


def _either(schema: dict[str, Any]) -> None:
    """Let a schema say that there is either a text or documents, which have names of their own."""
    for name in ("text", "documents"):
        given, _null = schema["properties"][name].pop("anyOf")
        schema["properties"][name] = given
    unnamed = {"id": {"maxLength": 0}, "meta": {"maxProperties": 0}}
    schema["oneOf"] = [
        {"required": ["text"], "not": {"required": ["documents"]}},
        {"required": ["documents"], "not": {"required": ["text"]}, "properties": unnamed},
    ]


class Asked(_Closed):
    """One document (``text``), or many (``documents``)."""

    model_config = ConfigDict(json_schema_extra=_either)

    text: Text | None = None
    id: Text = Field("", max_length=1000)
    meta: Meta = Field(default_factory=dict)
    documents: list[Given] | None = Field(None, fail_fast=True)
    abstain: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Withhold what is less probable; by default as the model's calibration says.",
    )

    @model_validator(mode="after")
    def _one_or_many(self) -> "Asked":
        if (self.text is None) == (self.documents is None):
            raise ValueError("give either `text` or `documents`")
        if self.documents is not None and (self.id or self.meta):
            raise ValueError("`id` and `meta` belong to each of the `documents`")
        return self

    def given(self) -> list[Document]:
        """Return the documents."""
        if self.documents is None:
            assert self.text is not None
            return [Given(text=self.text, id=self.id, meta=self.meta).document()]
        return [own.document(number) for number, own in enumerate(self.documents)]


class Answered(BaseModel):
    """The records, in the order of the documents."""

    documents: list[dict[str, Any]]


class Described(BaseModel):
    """The model that a server has: which it is, what it withholds, and what a request may ask."""

    name: str
    version: str
    digest: str
    file: str
    abstain: dict[str, float]
    limits: dict[str, float]


class Tensor(BaseModel):
    """A tensor of the Open Inference Protocol; of strings here."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], FailFast()]
    datatype: str
    data: Annotated[list[Any], AfterValidator(_writable)]


class Inference(BaseModel):
    """A request of the Open Inference Protocol."""

    id: Text | None = None
    inputs: Annotated[list[Tensor], FailFast()]
