"""What a reader of questions met: records, repairs by kind, refused records."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from include.errors import FixInputError

log = logging.getLogger(__name__)

MAX_EXAMPLES: Final = 10
"""Refused records that are named; the others are only counted."""


class Repair(StrEnum):
    """What was repaired; the value completes "12 ..." in a message."""

    BYTE_ORDER_MARK = "byte-order marks skipped"
    ENCODING = "files decoded from an encoding other than UTF-8"
    CONTROL_CHARACTER = "control characters replaced by a space"
    SURROGATE = "lone surrogates replaced"
    NO_BODY = "questions without a body"
    NO_TAGS = "questions without tags"
    TAG_TEXT = "lists of tags written as one text"
    TAG_CASE = "tags changed to lower case"
    TAG_REPEATED = "repeated tags dropped"
    NUMBER = "whole numbers written with decimals"
    NULL = "missing values written as words"
    MILLISECONDS = "times given in milliseconds"
    OWNER = "unreadable owners left out"
    LINK = "unusable links replaced"
    LICENCE = "unreadable licences replaced by the one of the date"


@dataclass(slots=True)
class ReadReport:
    """
    Counts of one pass over a source, and how much damage it tolerates.

    Parameters
    ----------
    max_bad_share : float, default=0.0
        Share of the questions that may be refused, in [0, 1). With 0, the first one raises.
    latest : datetime or None
        Aware; no question may be later. None is a day after the current time.
    fetched_at : datetime or None
        Given to every question; see ``Question.fetched_at``.
    records : int
        Rows or lines read so far, also those that are no questions: the position in the source.
    accepted, refused : int
        Questions.
    repairs : Counter of Repair
    examples : list of str
        The first `MAX_EXAMPLES` refused records, with place, field and problem.
    complete : bool
        False if the source was probably truncated where nothing shows it.
    """

    max_bad_share: float = 0.0
    latest: datetime | None = None
    fetched_at: datetime | None = None
    records: int = 0
    accepted: int = 0
    refused: int = 0
    repairs: Counter[Repair] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    complete: bool = True

    def refuse(self, message: str) -> None:
        """
        Count a refused record.

        Raises
        ------
        FixInputError
            With ``message``, if none may be refused.
        """
        if self.max_bad_share == 0:
            raise FixInputError(message)
        self.refused += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(message)
            log.warning("left out: %s", message)

    def check_share(self) -> None:
        """
        Check the share of refused records, at the end of a source.

        Raises
        ------
        FixInputError
            If it is higher than tolerated; the message contains the first examples.
        """
        total = self.accepted + self.refused
        if self.refused > self.max_bad_share * total:
            raise FixInputError(
                f"{self.refused:,} of {total:,} questions cannot be read, more than the tolerated "
                f"share of {self.max_bad_share:g}: " + "; ".join(self.examples)
            )

    def summary(self) -> list[str]:
        """
        Return what was repaired and left out, one sentence each; nothing for a flawless source.

        Examples
        --------
        >>> ReadReport(repairs=Counter({Repair.NO_TAGS: 2}), refused=1).summary()
        ['2 questions without tags', '1 questions refused and left out']
        """
        lines = [f"{count:,} {kind}" for kind, count in sorted(self.repairs.items()) if count]
        if self.refused:
            lines.append(f"{self.refused:,} questions refused and left out")
        return lines
