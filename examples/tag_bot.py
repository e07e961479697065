"""
An example of a bot: tells which tags the latest questions of a site may lack.

    python examples/tag_bot.py --service http://127.0.0.1:8000 --site devops.stackexchange

It reads questions from the Stack Exchange API, asks the service, and prints a line for each
question whose suggested tags it does not bear. It changes nothing on the site: to retag is for
people, and a bot that does needs the site's consent and a login of its own. Each question is
recorded by the service with its id, so that its suggestions count in the live quality.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from include.errors import TagkeeperError
from include.questions import Question
from include.sources.stackexchange_api import StackExchangeClient
from serving import payloads
from serving.client import Client

CLIENT = "tag-bot"
MAX_TAGS = 5  # of a question on Stack Exchange


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


def proposal(question: Question, answer: payloads.Answer) -> str | None:
    """Return the line for a question that lacks suggested tags, None for another."""
    missing = answer.suggested[: MAX_TAGS - len(question.tags)]
    if not missing:
        return None
    scores = {tag.tag: tag.score for tag in answer.tags}
    tags = ", ".join(f"{tag} ({scores[tag]:.0%})" for tag in missing)
    return f"{question.link}  has {', '.join(question.tags)}; may lack {tags}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--service", default="http://127.0.0.1:8000", help="address of the service")
    parser.add_argument("--site", required=True, help="the API's name of the site")
    parser.add_argument("--api", default="https://api.stackexchange.com/2.3", help="the API's root")
    parser.add_argument("--until", type=datetime.fromisoformat, help="end, ISO 8601; default: now")
    parser.add_argument("--hours", type=float, default=24, help="how far back, default 24")
    parser.add_argument("--limit", type=int, default=100, help="questions at most, default 100")
    parser.add_argument("--min-score", type=float, default=0.5, help="of a tag, default 0.5")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the proposals; SERVICE_KEY and STACKEXCHANGE_KEY are the keys, if needed."""
    options = parse(arguments)
    end = (options.until or datetime.now(UTC)).replace(microsecond=0)
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    site = StackExchangeClient(
        api_url=options.api, site=options.site, key=os.environ.get("STACKEXCHANGE_KEY")
    )
    service = Client(options.service, key=os.environ.get("SERVICE_KEY"))
    try:
        found = recent_questions(site, end - timedelta(hours=options.hours), end)
        questions = list(islice(found, options.limit))
        answers = service.predict_all([asked(each, options.min_score) for each in questions])
    except TagkeeperError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    lines = [proposal(*pair) for pair in zip(questions, answers, strict=True)]
    proposals = [line for line in lines if line]
    sys.stdout.write("".join(f"{line}\n" for line in proposals))
    sys.stdout.write(
        f"{len(proposals)} of {len(questions)} questions may lack a tag; nothing was changed\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
