"""A cache of prepared texts and embeddings in PostgreSQL, filled by COPY."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from include.store.copy_text import bytea_literal, copy_line, copy_lines
from include.store.queries import query
from include.text.prepared import PreparedText

TextKey = tuple[str, int, bytes]
"""Site, question id and content hash: the key of an embedding."""

_IDS_PER_READ: Final = 10_000
_ROWS_PER_FETCH: Final = 2_000
_BEFORE_EVERY_ID: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class UnpreparedQuestion:
    """A question whose text has to be prepared; ``content_hash`` is of title and body."""

    question_id: int
    asked_at: datetime
    title: str
    body_html: str
    content_hash: bytes


def lock_preparing(connection: Connection, site: str) -> None:
    """Lock the preparation of this site's texts until the transaction ends."""
    connection.execute(query("lock_features_once"), {"cache": "prepared_texts", "part": site})


def read_unprepared(
    connection: Connection,
    site: str,
    start: datetime,
    end: datetime,
    text_version: str,
    *,
    after: UnpreparedQuestion | None,
    limit: int,
) -> list[UnpreparedQuestion]:
    """
    Return the next questions of ``[start, end)`` that are new or edited since they were prepared.

    Parameters
    ----------
    connection : Connection
    site : str
    start, end : datetime
        Aware.
    text_version : str
    after : UnpreparedQuestion or None
        The last of the questions before; None for the first ones.
    limit : int
        Largest number of questions, >= 1.
    """
    rows = connection.execute(
        query("questions_to_prepare"),
        {
            "site": site,
            "start": start,
            "end": end,
            "text_version": text_version,
            "after_at": after.asked_at if after else start,
            "after_id": after.question_id if after else _BEFORE_EVERY_ID,
            "limit": limit,
        },
    )
    return [
        UnpreparedQuestion(
            row.question_id, row.asked_at, row.title, row.body_html, bytes(row.content_hash)
        )
        for row in rows
    ]


def store_prepared(
    connection: Connection, text_version: str, rows: Iterable[tuple[PreparedText, bytes]]
) -> None:
    """
    Store prepared texts, within the caller's transaction; a question's older text is replaced.

    Parameters
    ----------
    connection : Connection
    text_version : str
        Version of the code that prepared them.
    rows : iterable of (PreparedText, bytes)
        Each text, which has a key, and the content hash of its question. All rows are held in
        memory; no question twice.
    """
    lines = (
        copy_line(
            [*_key(text), text_version, bytea_literal(digest), text.title, text.prose, text.code]
        )
        for text, digest in rows
    )
    connection.execute(query("create_prepared_staging"))
    copy_lines(connection, "copy_prepared_staging", lines)
    connection.execute(query("merge_prepared_texts"))


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A prepared question with its tags, as stored."""

    text: PreparedText
    tags: tuple[str, ...]
    asked_at: datetime


def stream_labelled(
    connection: Connection, site: str, start: datetime, end: datetime, text_version: str
) -> Iterator[LabelledText]:
    """Yield the prepared questions of ``[start, end)`` with their tags, oldest first."""
    rows = connection.execute(
        query("labelled_texts_between"),
        {"site": site, "start": start, "end": end, "text_version": text_version},
        execution_options={"yield_per": _ROWS_PER_FETCH},
    )
    for row in rows:
        text = PreparedText(row.title, row.prose, row.code, key=(site, row.question_id))
        yield LabelledText(text, tuple(row.tags), row.asked_at)


def read_texts(
    connection: Connection, site: str, question_ids: Sequence[int], text_version: str
) -> dict[int, PreparedText]:
    """Return prepared texts by question id; those that are not stored are left out."""
    rows = connection.execute(
        query("prepared_texts_of"),
        {"site": site, "text_version": text_version, "question_ids": list(question_ids)},
    )
    return {
        row.question_id: PreparedText(row.title, row.prose, row.code, key=(site, row.question_id))
        for row in rows
    }


def text_key(text: PreparedText) -> TextKey:
    """Return the key of the embedding of ``text``, whose ``key`` is not None."""
    assert text.key is not None
    content = "\0".join((text.title, text.prose, text.code))
    return (*text.key, sha256(content.encode("utf-8", "replace")).digest())


def read_embeddings(
    connection: Connection, encoder: str, dimensions: int, keys: Iterable[TextKey]
) -> dict[TextKey, NDArray[np.float32]]:
    """
    Return the stored embeddings, each of shape (dimensions,).

    An embedding of another length (the encoder changed under the same name) is left out.
    """
    keys_to_read = set(keys)
    found = {}
    for site, question_ids in question_ids_by_site(keys_to_read):
        for row in connection.execute(
            query("embeddings_of"), {"site": site, "encoder": encoder, "question_ids": question_ids}
        ):
            key = (site, row.question_id, bytes(row.content_hash))
            vector = np.frombuffer(row.vector, dtype="<f4")
            if key in keys_to_read and len(vector) == dimensions:
                found[key] = vector
    return found


def question_ids_by_site(keys: Iterable[TextKey]) -> Iterator[tuple[str, list[int]]]:
    """Yield each site with some thousand of the ids of its questions, ascending."""
    ids: dict[str, list[int]] = {}
    for site, question_id in sorted({(site, question_id) for site, question_id, _ in keys}):
        ids.setdefault(site, []).append(question_id)
    for site, question_ids in ids.items():
        for first in range(0, len(question_ids), _IDS_PER_READ):
            yield site, question_ids[first : first + _IDS_PER_READ]


def store_embeddings(
    connection: Connection, encoder: str, keys: Sequence[TextKey], vectors: NDArray[np.float32]
) -> None:
    """
    Store embeddings, within the caller's transaction; those already stored are kept.

    Parameters
    ----------
    connection : Connection
    encoder : str
        Name of the encoder.
    keys : sequence of TextKey, length n
        No key twice.
    vectors : ndarray of float32, shape (n, dimensions)
    """
    lines = (
        copy_line(
            [
                site,
                str(number),
                encoder,
                bytea_literal(digest),
                bytea_literal(vector.astype("<f4").tobytes()),
            ]
        )
        for (site, number, digest), vector in zip(keys, vectors, strict=True)
    )
    connection.execute(query("create_embeddings_staging"))
    copy_lines(connection, "copy_embeddings_staging", lines)
    connection.execute(query("merge_embeddings"))


def lock_embedding(connection: Connection, part: str, *, wait: bool) -> bool:
    """
    Take the lock on computing a part of the embeddings until the caller's transaction ends.

    What another process that had it stored can be read afterwards.

    Parameters
    ----------
    connection : Connection
    part : str
        Encoder and chunk.
    wait : bool
        Whether to wait for another process that has the lock.

    Returns
    -------
    bool
        Whether the lock is held.
    """
    names = {"cache": "embeddings", "part": part}
    if wait:
        connection.execute(query("lock_features_once"), names)
        return True
    return bool(connection.execute(query("try_features_lock"), names).scalar_one())


def _key(text: PreparedText) -> tuple[str, str]:
    assert text.key is not None
    return text.key[0], str(text.key[1])
