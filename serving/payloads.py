"""What clients send and receive: types that validate requests and make the OpenAPI document."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from serving.errors import InvalidRequestError

MOST_QUESTIONS: Final = 100
MOST_TAGS: Final = 25
NOT_BLANK: Final = "[^ \\t\\r\\n]"
"""Spelt out, as Python and ECMAScript disagree on what ``\\S`` is."""

Title = Annotated[
    str,
    Meta(max_length=500, pattern=NOT_BLANK, description="the question's title, plain text"),
]
Body = Annotated[
    str, Meta(max_length=200_000, description="the question's text, in the form `format` says")
]
QuestionId = Annotated[
    int,
    Meta(ge=1, le=2**63 - 1, description="id on the site: its true tags judge the answer later"),
]
Count = Annotated[int, Meta(ge=1, le=MOST_TAGS, description="tags wanted at most")]
Client = Annotated[
    str,
    Meta(min_length=1, max_length=100, description="who asks; an A/B test keeps to it"),
]
Tag = Annotated[str, Meta(min_length=1, max_length=100, pattern=NOT_BLANK)]


class Question(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A question to suggest tags for."""

    title: Title
    body: Body = ""
    question_id: QuestionId | None = None
    k: Count = 5
    client: Client | None = None
    format: Annotated[
        Literal["html", "markdown"], Meta(description="what `body` is written in")
    ] = "html"
    explain: Annotated[bool, Meta(description="whether each tag comes with its reasons")] = False


Batch = Annotated[list[Question], Meta(min_length=1, max_length=MOST_QUESTIONS)]


class TagReason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that spoke for a tag: a word, a similar question, or the tag's own name."""

    kind: str
    text: str
    weight: float
    question_id: int | None = None


class ScoredTag(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tag with the model's estimate, in [0, 1], that the question bears it."""

    tag: str
    score: Annotated[float, Meta(ge=0, le=1)]
    reasons: list[TagReason] | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Suggested tags, best first, and the recorded prediction's id."""

    tags: list[ScoredTag]
    model_version: str
    variant: Literal["champion", "challenger"]
    prediction_id: UUID
    body_html: Annotated[
        str | None, Meta(description="the Markdown as it was read, safe to show")
    ] = None


class FeedbackGiven(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The tags that a question got in the end."""

    prediction_id: UUID
    final_tags: Annotated[list[Tag], Meta(max_length=MOST_TAGS)]
    source: Literal["page", "api", "site"] = "api"


class FeedbackKept(msgspec.Struct, frozen=True):
    """The id of feedback that was recorded."""

    feedback_id: UUID


T = TypeVar("T")
QUESTIONS: Final[msgspec.json.Decoder[Question | list[Question]]] = msgspec.json.Decoder(
    Question | Batch
)
FEEDBACK: Final = msgspec.json.Decoder(FeedbackGiven)

_PLACE: Final = re.compile(r"^(.*?)(?: - at `\$\.?(.*?)`)?$", re.DOTALL)
_NAMED: Final = re.compile(r"(?:unknown|required) field `([^`]*)`")


def decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """
    Return ``body`` as what ``decoder`` is for.

    Raises
    ------
    InvalidRequestError
        Naming the first field at fault.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if "`float`" in str(error) and (whole := _whole(body)) is not None:
            return decoded(decoder, whole)
        detail, field = _explained(str(error))
        raise InvalidRequestError(detail, field=field) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise InvalidRequestError("the body is nested too deeply") from None


def _whole(body: bytes) -> bytes | None:
    """Return ``body`` with 1.0 written as 1, the same number to JSON Schema; None if none is."""
    changed = False

    def walk(part: Any) -> Any:
        nonlocal changed
        if isinstance(part, float) and part.is_integer():
            changed = True
            return int(part)
        if isinstance(part, dict):
            return {key: walk(item) for key, item in part.items()}
        if isinstance(part, list):
            return [walk(item) for item in part]
        return part

    try:
        # A later part may be no JSON at all; and 1e300 is a whole number too, but no id.
        walked = walk(msgspec.json.decode(body))
        return msgspec.json.encode(walked) if changed else None
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
        return None


def _explained(message: str) -> tuple[str, str | None]:
    """Split msgspec's message into what is wrong and where."""
    match = _PLACE.match(message)
    detail, place = (match.group(1), match.group(2) or "") if match else (message, "")
    if named := _NAMED.search(detail):
        place = f"{place}.{named.group(1)}" if place else named.group(1)
    return f"{place}: {detail}" if place else detail, place or None


def schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return JSON schemas of requests and answers, and the components that they refer to."""
    types = [Question, Batch, Answer, FeedbackGiven, FeedbackKept]
    found, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    keys = ("question", "batch", "answer", "feedback", "feedback_kept")
    return dict(zip(keys, found, strict=True)), components
