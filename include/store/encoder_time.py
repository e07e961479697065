"""How fast machines embed texts, and which part of its data a training embeds for that reason."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from include.store.features import TextKey, question_ids_by_site
from include.store.queries import query


@dataclass(frozen=True, slots=True)
class EncoderSample:
    """
    How many questions of some training or test data are embedded.

    Parameters
    ----------
    question_count : int
        That would be embedded without a limit.
    sample_count : int
        That are embedded, in [1, question_count].
    minutes : float
        That ``question_count`` would have taken on the machine that decided.
    limit_minutes : float
        The limit, > 0.
    """

    question_count: int
    sample_count: int
    minutes: float
    limit_minutes: float


def record_encoder_rate(
    connection: Connection,
    encoder: str,
    machine: str,
    *,
    title_only: bool,
    texts: int,
    seconds: float,
) -> None:
    """
    Store how long a machine took for some texts, within the caller's transaction.

    Parameters
    ----------
    connection : Connection
    encoder : str
        Its name, which names its version.
    machine : str
        See `include.capacity.machine_label`.
    title_only : bool
        Whether the texts were titles without bodies.
    texts : int
        Their number, >= 1.
    seconds : float
        By the clock, > 0.
    """
    values = {"encoder": encoder, "machine": machine, "title_only": title_only}
    connection.execute(query("record_encoder_rate"), values | {"texts": texts, "seconds": seconds})


def read_encoder_rates(
    connection: Connection, machine: str, encoders: Sequence[str]
) -> dict[tuple[str, bool], float]:
    """
    Return the seconds that encoders take for a text on a machine.

    They are by the encoder's name and whether the texts are titles without bodies; what was not
    measured is left out.
    """
    rows = connection.execute(
        query("encoder_rates_of"), {"machine": machine, "encoders": list(encoders)}
    )
    return {(row.encoder, row.title_only): float(row.text_s) for row in rows}


def record_encoder_sample(
    connection: Connection,
    data_id: str,
    encoders: Sequence[str],
    sample: EncoderSample,
    machine: str,
) -> None:
    """
    Store how many questions of some data are embedded; an earlier decision stays.

    Parameters
    ----------
    connection : Connection
    data_id : str
        Hash of the training data or of the test data.
    encoders : sequence of str
        Their names, sorted.
    sample : EncoderSample
    machine : str
        That decided.
    """
    connection.execute(
        query("record_encoder_sample"),
        asdict(sample) | {"data_id": data_id, "encoders": list(encoders), "machine": machine},
    )


def read_encoder_sample(
    connection: Connection,
    data_id: str,
    encoders: Sequence[str],
    *,
    question_count: int,
    limit_minutes: float,
) -> EncoderSample | None:
    """Return the decision for some data, encoders and limit; None if there is none yet."""
    row = connection.execute(
        query("encoder_sample"),
        {
            "data_id": data_id,
            "encoders": list(encoders),
            "question_count": question_count,
            "limit_minutes": limit_minutes,
        },
    ).one_or_none()
    return None if row is None else EncoderSample(**row._mapping)


def embedded_texts(connection: Connection, encoder: str, keys: Iterable[TextKey]) -> set[TextKey]:
    """Return those of some texts that have a vector; the vectors are not read."""
    wanted = set(keys)
    found: set[TextKey] = set()
    for site, question_ids in question_ids_by_site(wanted):
        rows = connection.execute(
            query("embedded_texts_of"),
            {"site": site, "encoder": encoder, "question_ids": question_ids},
        )
        found.update((site, row.question_id, bytes(row.content_hash)) for row in rows)
    return found & wanted
