"""What clients send and receive: types that validate requests and make the OpenAPI document."""

from __future__ import annotations

import codecs
import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from include.questions import MAX_TAG_LENGTH
from serving.errors import InvalidRequestError
from serving.indicators import DailyIndicators
from serving.tag_index import FoundTag

MAX_QUESTIONS: Final = 100
MAX_TAGS: Final = 25
NOT_BLANK: Final = "[^ \\t\\r\\n]"
"""Spelled out, as ``\\S`` differs between Python and ECMAScript."""
TAG_SYMBOLS: Final = r"^[^\u0000-\u0022\u0024-\u002a,/\u003a-\u0040\u005b-\u0060\u007b-\u00a0]+$"
"""
Excludes the ASCII characters that no tag has; `include.questions.is_tag` is the whole grammar.

Not every validator of JSON Schema knows classes of letters beyond ASCII.
"""

Title = Annotated[
    str,
    Meta(max_length=500, pattern=NOT_BLANK, description="the question's title, plain text"),
]
Body = Annotated[
    str, Meta(max_length=200_000, description="the question's text, in the format `format`")
]
QuestionId = Annotated[
    int,
    Meta(
        ge=1,
        le=2**63 - 1,
        description="id on the site, by which the answer is later compared with the true tags",
    ),
]
MaxTags = Annotated[
    int, Meta(ge=1, le=MAX_TAGS, description="maximum number of tags; takes precedence over `k`")
]
Count = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_TAGS,
        description="an earlier name of `max_tags`",
        extra_json_schema={"deprecated": True},
    ),
]
MinScore = Annotated[
    float,
    Meta(ge=0, le=1, description="tags with a lower score are not suggested; maybe none is left"),
]
Client = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        description="who sends the question; an A/B test assigns variants by it",
    ),
]
Tag = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_TAG_LENGTH,
        pattern=TAG_SYMBOLS,
        description="letters and digits of any script, + - . #; as the site writes it",
        extra_json_schema={"format": "tag"},
    ),
]
Excluded = Annotated[
    tuple[Tag, ...],
    Meta(max_length=MAX_TAGS, description="tags already chosen, which are not suggested again"),
]


class Question(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A question to suggest tags for."""

    title: Title
    body: Body = ""
    question_id: QuestionId | None = None
    k: Count = 5
    client: Client | None = None
    format: Annotated[Literal["html", "markdown"], Meta(description="the format of `body`")] = (
        "html"
    )
    explain: Annotated[bool, Meta(description="whether to return the reasons for each tag")] = False
    max_tags: MaxTags | None = None
    min_score: MinScore = 0.0
    exclude: Excluded = ()


Batch = Annotated[list[Question], Meta(min_length=1, max_length=MAX_QUESTIONS)]


class TagReason(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reason for a tag: a word, a similar question, or a mention of the tag's name."""

    kind: str
    text: str
    weight: float
    question_id: int | None = None


class ScoredTag(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tag with the model's estimated probability, in [0, 1], that the question has it."""

    tag: str
    score: Annotated[float, Meta(ge=0, le=1)]
    reasons: list[TagReason] | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The best tags, those of them that are suggested outright, and the prediction's id."""

    tags: Annotated[list[ScoredTag], Meta(description="the best tags, best first")]
    suggested: Annotated[
        list[str],
        Meta(
            description="the first of `tags`: the set with the highest expected F1, to be applied "
            "together; the others are offered for a choice"
        ),
    ]
    model_version: str
    variant: Literal["champion", "challenger"]
    prediction_id: UUID
    body_html: Annotated[str | None, Meta(description="the Markdown as sanitised HTML")] = None
    reason: Annotated[
        str | None, Meta(description="why no tag is suggested; only where `suggested` is empty")
    ] = None


class FeedbackRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The final tags of a question."""

    prediction_id: UUID
    final_tags: Annotated[list[Tag], Meta(max_length=MAX_TAGS)]
    source: Literal["page", "api", "site"] = "api"


class FoundTags(msgspec.Struct, frozen=True, omit_defaults=True):
    """The tags that fit what was typed, most used first, or those that were named."""

    tags: list[FoundTag]
    licence: Annotated[
        str | None, Meta(description="of the descriptions, which are by the site's users")
    ] = None


class FeedbackRecorded(msgspec.Struct, frozen=True):
    """The id of recorded feedback."""

    feedback_id: UUID


class AbTest(msgspec.Struct, frozen=True):
    """
    The open A/B test.

    ``share`` in [0, 1] is the challenger's part of the traffic; in shadow mode (``shadow``) the
    champion answers every question and the challenger's answers are only recorded.
    """

    ab_test_id: int
    champion_version: str
    challenger_version: str
    share: float
    shadow: bool


class DescribedModel(msgspec.Struct, frozen=True):
    """
    A served model.

    ``candidate`` is its family, ``tags`` the number of tags that it knows, and ``description`` the
    training metadata stored with it, whose keys depend on the release that trained it.
    """

    version: str
    candidate: str
    created_at: datetime
    age_days: float
    sha256: str
    tags: int
    description: dict[str, Any]


class ModelState(msgspec.Struct, frozen=True):
    """
    The served models, the A/B test, recent failures, and the live indicators by day.

    ``checked_at`` is when the registry last answered; ``problem`` is what the latest of the
    ``failures`` to follow it was.
    """

    champion: DescribedModel | None
    challenger: DescribedModel | None
    ab_test: AbTest | None
    site: str
    checked_at: datetime | None
    failures: int
    problem: str | None
    days: list[DailyIndicators]


class Liveness(msgspec.Struct, frozen=True):
    """That the process answers."""

    status: Literal["alive"] = "alive"


class Readiness(msgspec.Struct, frozen=True):
    """
    Whether questions can be answered.

    A ``stale`` service answers, with a model or A/B tests that may be superseded. ``spool_bytes``
    are records that are not in the database yet, the oldest of them for ``spool_oldest_s``, and
    ``set_aside_bytes`` those that it refused.
    """

    status: Literal["ready", "not_ready"]
    model_version: str | None
    problem: str | None
    failures: int
    stale: bool
    checked_at: datetime | None
    registry_answered_s_ago: float | None
    database_answered_s_ago: float | None
    spool_bytes: int
    spool_oldest_s: float
    set_aside_bytes: int


T = TypeVar("T")
QUESTIONS: Final[msgspec.json.Decoder[Question | list[Question]]] = msgspec.json.Decoder(
    Question | Batch
)
FEEDBACK: Final = msgspec.json.Decoder(FeedbackRequest)

_MAX_QUOTED: Final = 200
"""Characters of a message or field name that are repeated to the client."""
_NAMED: Final = re.compile(r"(?:unknown|required) field `([^`]*)`")


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """
    Return ``body``, decoded and validated.

    Raises
    ------
    InvalidRequestError
        Naming the first field at fault.
    """
    body = body.removeprefix(codecs.BOM_UTF8)  # RFC 8259 lets a receiver ignore it
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if "`float`" in str(error) and (integral := _with_integers(body)) is not None:
            return decode(decoder, integral)
        detail, field = _split_message(str(error))
        raise InvalidRequestError(detail, field=field) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise InvalidRequestError("the body is nested too deeply") from None


def _with_integers(body: bytes) -> bytes | None:
    """Return ``body`` with 1.0 as 1, which JSON Schema treats alike; None if nothing changes."""
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
        # A later part may be invalid JSON; and 1e300 is integral too, but no id.
        walked = walk(msgspec.json.decode(body))
        return msgspec.json.encode(walked) if changed else None
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
        return None


def _split_message(message: str) -> tuple[str, str | None]:
    """Split msgspec's message into detail and field path; either may be as long as the body."""
    detail, _, path = message.rpartition(" - at `$")
    if not detail or not path.endswith("`"):
        detail, path = message, ""
    path = path.removeprefix(".").removesuffix("`")
    if named := _NAMED.search(detail):
        path = f"{path}.{named.group(1)}" if path else named.group(1)
    detail, path = _shortened(detail), _shortened(path)
    return f"{path}: {detail}" if path else detail, path or None


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"


def schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return JSON schemas of requests and answers, and the components that they refer to."""
    types: dict[str, Any] = {
        "question": Question,
        "batch": Batch,
        "answer": Answer,
        "feedback": FeedbackRequest,
        "feedback_recorded": FeedbackRecorded,
        "found_tags": FoundTags,
        "model_state": ModelState,
        "liveness": Liveness,
        "readiness": Readiness,
    }
    found, components = msgspec.json.schema_components(
        types.values(), ref_template="#/components/schemas/{name}"
    )
    return dict(zip(types, found, strict=True)), components
