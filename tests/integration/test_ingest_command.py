"""`tagkeeper ingest` against a sandbox site over HTTP."""

import pytest

from include.cli.app import EXIT_TRY_LATER, main
from include.months import month_range
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.simulator import simulate
from include.sandbox.site import running
from include.store.questions import questions_per_month, read_questions

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def simulation():
    return simulate(months=3, questions_per_month=200, events=())


@pytest.fixture
def environment(monkeypatch, database_url):
    """The settings of a run, but for the site's address."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SITE", "sandbox")
    monkeypatch.setenv("API_REQUESTS_PER_S", "30")
    return monkeypatch


def ingest(environment, api: SandboxApi, *arguments: str) -> int:
    with running(api) as api_url:
        environment.setenv("STACKEXCHANGE_API_URL", api_url)
        return main(["ingest", *arguments])


def stored(engine) -> dict[str, int]:
    with engine.connect() as connection:
        return questions_per_month(connection, "sandbox")


def test_months_are_fetched_completely_over_http(environment, engine, simulation, capsys):
    api = SandboxApi("sandbox", QuestionIndex(simulation.questions))
    assert ingest(environment, api, "--month", "2023-01", "--to", "2023-03") == 0
    expected = [(q.question_id, q.title, q.body_html, q.tags) for q in simulation.questions]
    start, end = month_range("2023-01")[0], month_range("2023-03")[1]
    with engine.connect() as connection:
        found = read_questions(connection, "sandbox", start, end)
    assert [(q.question_id, q.title, q.body_html, q.tags) for q in found] == expected
    assert f"{len(expected)} questions stored in 3 months" in capsys.readouterr().err


def test_without_a_month_the_latest_missing_one_is_fetched_until_none_is(
    environment, engine, simulation, capsys
):
    api = SandboxApi("sandbox", QuestionIndex(simulation.questions))
    assert ingest(environment, api, "--month", "2023-01") == 0
    assert ingest(environment, api) == 0
    assert set(stored(engine)) == {"2023-01", "2023-03"}
    assert "(2023-03)" in capsys.readouterr().err

    assert ingest(environment, api) == 0
    assert set(stored(engine)) == {"2023-01", "2023-02", "2023-03"}
    assert ingest(environment, api) == 0
    assert "Every month since the first stored one is stored" in capsys.readouterr().err


def test_exhausted_quota_exits_with_try_later_and_the_next_run_resumes(
    environment, engine, simulation
):
    environment.setenv("INGEST_WINDOW_DAYS", "31")
    poor = SandboxApi("sandbox", QuestionIndex(simulation.questions), quota=11)
    assert ingest(environment, poor, "--month", "2023-01") == EXIT_TRY_LATER
    assert stored(engine) == {"2023-01": 100}
    rich = SandboxApi("sandbox", QuestionIndex(simulation.questions))
    assert ingest(environment, rich, "--month", "2023-01") == 0
    january = [q for q in simulation.questions if q.asked_at.month == 1]
    assert stored(engine) == {"2023-01": len(january)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--month", "2023-02", "--to", "2023-01"], "is before"),
        (["--to", "2023-01"], "--to needs --month"),
        (["--month", "2023-1"], "must look like"),
        (["--month", "2199-01"], "not over"),
    ],
)
def test_invalid_month_exits_with_a_clear_line(environment, capsys, arguments, message):
    assert main(["ingest", *arguments]) == 2
    assert message in capsys.readouterr().err
