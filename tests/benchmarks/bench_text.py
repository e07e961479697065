"""
How many posts a second become title, prose and code, against BeautifulSoup with lxml.

    python -m tests.benchmarks.bench_text [--data FILE.jsonl.gz ...] [--rounds 15] [--profile]

Both read the same posts in the same process, in turns, and give the same text: it is compared
before anything is timed. There are two BeautifulSoups: the plain one that the unit tests hold ours
to, and one that was sped up with our own trick (block edges marked before parsing). Time is the
processor's, so the figures are per core. The last line is one JSON object.
"""

import argparse
import cProfile
import gzip
import json
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bs4 import BeautifulSoup
from rich.console import Console
from rich.table import Table

from include.sandbox.simulator import simulate
from include.text.prepare import _BLOCK_EDGE, prepare, split_html
from include.text.tokens import keywords, tokenize, tokenize_code
from tests.unit.reference_html import split_with_beautifulsoup

REAL_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
POSTS_PER_TURN = 400

Post = tuple[str, str]
"""Title and body."""


def split_with_fast_beautifulsoup(html: str) -> tuple[str, str]:
    """Return ``(prose, code)`` with as few walks through BeautifulSoup's tree as can be."""
    soup = BeautifulSoup(_BLOCK_EDGE.sub("\n<", html), "lxml")
    blocks = []
    for element in soup.find_all(["pre", "script", "style", "template"]):
        if element.name == "pre":
            blocks.append(element.get_text().replace("\r\n", "\n").strip("\n").rstrip())
        element.replace_with("\n")
    return " ".join(soup.get_text().split()), "\n\n".join(block for block in blocks if block)


def read_posts(files: Sequence[Path]) -> tuple[list[Post], str]:
    """Return posts and what to call them: of files, the real ones, or the simulator's."""
    paths = files or sorted(REAL_DATA.glob("*.jsonl.gz"))
    if not paths:
        questions = simulate(seed=1, months=12).questions
        return [(q.title, q.body_html) for q in questions], "simulated posts"
    posts = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            posts += [(row["title"], row["body"]) for row in map(json.loads, lines)]
    return posts, "posts of " + ", ".join(path.name for path in paths)


def timed(work: Callable[[str, str], object], posts: Sequence[Post]) -> float:
    """Return posts a second."""
    begun = time.process_time()
    for title, body in posts:
        work(title, body)
    return len(posts) / (time.process_time() - begun)


def title_and(split: Callable[[str], tuple[str, str]]) -> Callable[[str, str], object]:
    """Return the peer's whole job: title, prose and code."""
    return lambda title, body: (" ".join(title.split()), *split(body))


def measure(posts: Sequence[Post], rounds: int) -> dict[str, list[float]]:
    """Return each contestant's posts a second, turn by turn; posts of one turn are the same."""
    contestants = {
        "ours": prepare,
        "beautifulsoup": title_and(split_with_beautifulsoup),
        "beautifulsoup_fast": title_and(split_with_fast_beautifulsoup),
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    step = max(1, len(posts) // POSTS_PER_TURN)
    for turn in range(rounds):
        # every n-th post, so that each turn has its share of every year and site
        sample = posts[turn % step :: step]
        for name, work in contestants.items():
            rates[name].append(timed(work, sample))
    return rates


def token_rates(posts: Sequence[Post]) -> dict[str, float]:
    """Return prepared texts a second through each kind of token."""
    texts = [prepare(title, body) for title, body in posts]
    works = {
        "words of prose": lambda text: tokenize(text.prose),
        "identifiers of code": lambda text: tokenize_code(text.code),
        "keywords": keywords,
    }
    rates = {}
    for name, work in works.items():
        work(texts[0])  # imports
        begun = time.process_time()
        for text in texts:
            work(text)
        rates[name] = len(texts) / (time.process_time() - begun)
    return rates


def show_profile(posts: Sequence[Post]) -> None:
    """Print where the time of our own side goes."""
    profiler = cProfile.Profile()
    profiler.enable()
    for title, body in posts:
        prepare(title, body)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(12)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_text", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument(
        "--data", type=Path, action="append", default=[], help="JSON lines, gzipped; may repeat"
    )
    parser.add_argument("--rounds", type=int, default=15, help="turns per contestant")
    parser.add_argument("--profile", action="store_true", help="also profile our side")
    asked = parser.parse_args(arguments)
    posts, called = read_posts(asked.data)
    same = sum(split_html(body) == split_with_beautifulsoup(body) for _, body in posts)

    rates_by_turn = measure(posts, asked.rounds)
    rates = {name: statistics.median(turns) for name, turns in rates_by_turn.items()}
    ratios = {
        name: statistics.median(
            ours / theirs for ours, theirs in zip(rates_by_turn["ours"], turns, strict=True)
        )
        for name, turns in rates_by_turn.items()
    }

    table = Table(title=f"HTML to title, prose and code: {len(posts):,} {called}")
    for column in ("", "posts a second, one core", "ours is faster by"):
        table.add_column(column, justify="left" if not column else "right")
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}", f"{ratios[name]:.1f}")
    tokens = token_rates(posts)
    for name, rate in tokens.items():
        table.add_row(f"then {name}", f"{rate:,.0f}", "")
    console = Console()
    console.print(table)
    console.print(f"{same:,} of {len(posts):,} posts give the same prose and code")
    if asked.profile:
        show_profile(posts)
    figures = {
        "beautifulsoup_ratio": round(ratios["beautifulsoup"], 2),
        "beautifulsoup_fast_ratio": round(ratios["beautifulsoup_fast"], 2),
        "posts_per_s": round(rates["ours"]),
        "beautifulsoup_posts_per_s": round(rates["beautifulsoup"]),
        "keywords_posts_per_s": round(tokens["keywords"]),
        "posts": len(posts),
        "identical": same,
        "goal_ratio": 15,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
