"""
An example of a bot: tells which tags the latest questions of a site may lack, adds them if told.

    python examples/tag_bot.py --service http://127.0.0.1:8000 --site devops.stackexchange

It reads questions from the Stack Exchange API, asks the service, and prints a line for each
question whose suggested tags it does not bear. Each question is recorded by the service with its
id, so that its suggestions count in the live quality.

It changes nothing on the site unless ``--write`` is given, and then asks for each question. It adds
tags, up to five, and removes none unless the answer names other tags. A program that edits needs
the site's consent, an account with the privilege to edit, and from https://stackapps.com a key and
an access token with the scope ``write_access``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from include.errors import FixInputError, FixSettingsError, TagkeeperError
from include.questions import MAX_TAGS, Question, is_tag
from include.sources.question_edits import EditableQuestion, QuestionEditor
from include.sources.stackexchange_api import StackExchangeClient
from serving import payloads
from serving.client import Client

CLIENT = "tag-bot"
CLOCK_TOLERANCE = timedelta(minutes=2)  # between the site's clock and ours
TOKEN = "STACKEXCHANGE_ACCESS_TOKEN"  # noqa: S105 - the name of the variable


@dataclass(frozen=True, slots=True)
class Proposal:
    """Tags that a question may lack, at most as many as fit, best first; scores in [0, 1]."""

    question: Question
    missing: tuple[str, ...]
    scores: Mapping[str, float]

    def __str__(self) -> str:
        """Return the line that a person reads."""
        tags = ", ".join(f"{tag} ({self.scores[tag]:.0%})" for tag in self.missing)
        question = self.question
        return f"{question.link}  has {', '.join(question.tags)}; may lack {tags}"

    @property
    def completed(self) -> tuple[str, ...]:
        """The question's tags with the missing ones."""
        return (*self.question.tags, *self.missing)


def recent_questions(
    site: StackExchangeClient, start: datetime, end: datetime
) -> Iterator[Question]:
    """Yield the questions asked in [start, end), oldest first."""
    for page in site.pages(start, end):
        yield from page.questions


def asked(question: Question, min_score: float) -> payloads.Question:
    """Return what the service is asked: with the tags that the question bears already."""
    return payloads.Question(
        title=question.title,
        body=question.body_html,
        question_id=question.question_id,
        client=CLIENT,
        exclude=question.tags,
        min_score=min_score,
    )


def proposal(question: Question, answer: payloads.Answer) -> Proposal | None:
    """Return what a question may lack, None if that is nothing or nothing more fits."""
    missing = tuple(answer.suggested[: max(0, MAX_TAGS - len(question.tags))])
    if not missing:
        return None
    return Proposal(question, missing, {tag.tag: tag.score for tag in answer.tags})


class Quit(Exception):  # noqa: N818 - a person's answer, not an error
    """Raised when the person who is asked wants no more edits."""


def tags_of_answer(found: Proposal, answer: str) -> tuple[str, ...] | None:
    """
    Return the tags that a question shall have after a person's answer, None to leave it.

    Parameters
    ----------
    found : Proposal
    answer : str
        ``y`` adds the missing tags, ``n`` or nothing leaves the question, ``q`` ends all; anything
        else is the list of all tags that the question shall have.

    Raises
    ------
    Quit
        For ``q``.
    FixInputError
        If the answer is none of these.
    """
    words = tuple(dict.fromkeys(answer.lower().replace(",", " ").split()))
    match words:
        case ("y",) | ("yes",):
            return found.completed
        case () | ("n",) | ("no",):
            return None
        case ("q",) | ("quit",):
            raise Quit
    if len(words) > MAX_TAGS or not all(map(is_tag, words)):
        raise FixInputError(f"answer y, n, q, or with 1 to {MAX_TAGS} tags")
    return None if set(words) == set(found.question.tags) else words


def ask(found: Proposal) -> tuple[str, ...] | None:
    """Return what a person on the terminal says, asking until it is understood; may raise Quit."""
    while True:
        sys.stdout.write(f"{found}\n  {found.question.title}\n  add? [y, n, q, or all its tags] ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            raise Quit
        try:
            return tags_of_answer(found, line)
        except FixInputError as error:
            sys.stdout.write(f"  {error}\n")


def was_edited(question: Question, now: EditableQuestion, read_at: datetime) -> bool:
    """Return whether a question is another than the one that was read at ``read_at``."""
    if now.title.strip() != question.title.strip() or set(now.tags) != set(question.tags):
        return True
    return now.edited_at is not None and now.edited_at > read_at - CLOCK_TOLERANCE


def comment_on(question: Question, tags: Sequence[str], *, confirmed: bool) -> str:
    """Return what the site's users read about an edit."""
    added = [tag for tag in tags if tag not in question.tags]
    removed = [tag for tag in question.tags if tag not in tags]
    changes = [
        f"{verb} {', '.join(changed)}"
        for verb, changed in (("added", added), ("removed", removed))
        if changed
    ]
    by = "suggested by a program, confirmed by a person" if confirmed else "suggested by a program"
    return f"{' and '.join(changes)} ({by})"


def edit_all(
    proposals: Sequence[Proposal], editor: QuestionEditor, read_at: datetime, *, confirm: bool
) -> int:
    """Return how many questions were edited; what the site refuses is told and left."""
    edited = 0
    for found in proposals:
        question = found.question
        try:
            tags = ask(found) if confirm else found.completed
        except Quit:
            break
        if tags is None:
            continue
        try:
            now = editor.read(question.question_id)
            if was_edited(question, now, read_at):
                sys.stdout.write(f"{question.link}  left: it was edited in the meantime\n")
                continue
            editor.write(now, tags, comment_on(question, tags, confirmed=confirm))
        except FixInputError as error:
            sys.stdout.write(f"{question.link}  left: {error}\n")
            continue
        edited += 1
        sys.stdout.write(f"{question.link}  now has {', '.join(tags)}\n")
        sys.stdout.flush()  # what is done is known, also if the next one fails
    return edited


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--service", default="http://127.0.0.1:8000", help="address of the service")
    parser.add_argument("--site", required=True, help="the API's name of the site")
    parser.add_argument("--api", default="https://api.stackexchange.com/2.3", help="the API's root")
    parser.add_argument("--until", type=datetime.fromisoformat, help="end, ISO 8601; default: now")
    parser.add_argument("--hours", type=float, default=24, help="how far back, default 24")
    parser.add_argument("--limit", type=int, help="questions at most, default 100")
    parser.add_argument("--min-score", type=float, default=0.5, help="of a tag, default 0.5")
    parser.add_argument("--write", action="store_true", help="edit the questions, asking for each")
    parser.add_argument("--yes", action="store_true", help="edit without asking; needs --limit")
    parser.add_argument(
        "--edits-per-minute", type=float, default=6, help="at most so many, default 6"
    )
    options = parser.parse_args(arguments)
    if options.write and options.yes and options.limit is None:
        parser.error("--yes edits without asking: say with --limit how many questions at most")
    if options.write and not options.yes and not sys.stdin.isatty():
        parser.error("--write asks on a terminal, and there is none: give --yes and --limit")
    if options.yes and not options.write:
        parser.error("--yes is for --write")
    return options


def editor_for(options: argparse.Namespace) -> QuestionEditor:
    """Return the editor with the login in the environment; FixSettingsError if there is none."""
    key, token = os.environ.get("STACKEXCHANGE_KEY"), os.environ.get(TOKEN)
    if not key or not token:
        raise FixSettingsError(
            f"--write needs STACKEXCHANGE_KEY and {TOKEN} (scope write_access) in the environment"
        )
    return QuestionEditor(
        api_url=options.api,
        site=options.site,
        key=key,
        access_token=token,
        edits_per_minute=options.edits_per_minute,
    )


def run(options: argparse.Namespace) -> None:
    """Print the proposals, or edit the questions."""
    editor = editor_for(options) if options.write else None
    end = (options.until or datetime.now(UTC)).replace(microsecond=0)
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    site = StackExchangeClient(
        api_url=options.api, site=options.site, key=os.environ.get("STACKEXCHANGE_KEY")
    )
    service = Client(options.service, key=os.environ.get("SERVICE_KEY"))
    read_at = datetime.now(UTC)
    limit = 100 if options.limit is None else options.limit
    questions = list(
        islice(recent_questions(site, end - timedelta(hours=options.hours), end), limit)
    )
    answers = service.predict_all([asked(each, options.min_score) for each in questions])
    found = [proposal(*pair) for pair in zip(questions, answers, strict=True)]
    proposals = [each for each in found if each]
    changed = "nothing was changed"
    if editor is None:
        sys.stdout.write("".join(f"{each}\n" for each in proposals))
    else:
        edited = edit_all(proposals, editor, read_at, confirm=not options.yes)
        changed = f"{edited} edited"
    sys.stdout.write(f"{len(proposals)} of {len(questions)} questions may lack a tag; {changed}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; keys and token are read from the environment (docs/serving.md)."""
    options = parse(arguments)
    try:
        run(options)
    except TagkeeperError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
