"""`tagkeeper env`: .env with random secrets."""

import re
import stat

import pytest
import yaml
from cryptography.fernet import Fernet

from include.cli.app import EXIT_FIX_INPUT, main
from include.local_stack.env_file import EXAMPLE, filled_example
from include.local_stack.layout import ROOT


def values(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))


def test_every_variable_that_compose_demands_is_filled_in():
    compose = (ROOT / "docker-compose.yaml").read_text()
    demanded = set(re.findall(r"\$\{(\w+):\?", compose))
    filled = values(filled_example(EXAMPLE.read_text()))

    assert yaml.safe_load(compose)
    assert demanded
    assert {name for name in demanded if len(filled[name]) >= 24} == demanded


def test_secrets_are_new_each_time_and_differ_from_each_other():
    example = EXAMPLE.read_text()
    empty = {name for name, value in values(example).items() if not value}
    first, second = (values(filled_example(example)) for _ in range(2))

    assert len({one[name] for one in (first, second) for name in empty}) == 2 * len(empty)


def test_fernet_key_is_one():
    Fernet(values(filled_example(EXAMPLE.read_text()))["AIRFLOW_FERNET_KEY"])


def test_all_but_the_secrets_is_as_in_the_example():
    example = EXAMPLE.read_text()
    pairs = zip(example.splitlines(), filled_example(example).splitlines(), strict=True)

    assert all(new.startswith(old) for old, new in pairs)
    assert filled_example(example).count("\n") == example.count("\n")


def test_an_example_without_a_secret_is_refused():
    with pytest.raises(ValueError, match="GRAFANA_PASSWORD"):
        filled_example(EXAMPLE.read_text().replace("GRAFANA_PASSWORD=", ""))


def test_file_is_its_owners_only(tmp_path):
    path = tmp_path / ".env"

    assert main(["env", "--output", str(path)]) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_file_stays(tmp_path, capsys):
    path = tmp_path / ".env"
    path.write_text("POSTGRES_PASSWORD=old\n")

    assert main(["env", "--output", str(path)]) == EXIT_FIX_INPUT
    assert path.read_text() == "POSTGRES_PASSWORD=old\n"
    assert "exists" in capsys.readouterr().err


def test_dash_prints_it(capsys):
    assert main(["env", "--output", "-"]) == 0
    assert values(capsys.readouterr().out).keys() == values(EXAMPLE.read_text()).keys()
