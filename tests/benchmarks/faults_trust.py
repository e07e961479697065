"""
Faults of `make bench-faults` that an attacker makes: hosts, keys, names, files, and what must go.

Each function attacks once and returns the attack's name, whether it was survived, and what came of it.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from flask.testing import FlaskClient
from sqlalchemy.exc import DBAPIError

from include.addresses import without_login
from include.errors import FixSettingsError, ModelUnusableError
from include.escaping import markdown, without_markup
from include.local_stack import private_folders
from include.notify.charts import contributors_chart
from include.notify.render import drift_mail
from include.notify.slack import drift_text
from include.notify.summaries import ContributorSummary
from include.registry.downloads import verified_download
from include.settings import Settings
from include.store.erasure import DataSubject
from include.store.predictions import Prediction, copy_predictions, prediction_line
from serving import create_app
from serving.erasure import count_in_spool, erase_from_spool
from serving.keys import add_key
from serving.served_models import FixedModelSource, ServedModels
from serving.set_aside import SetAside
from serving.spool import Spool
from tests.benchmarks.faults_data import _engine as database
from tests.serving.conftest import ListRecorder, loaded_model
from tests.unit.notification_samples import drift_summary

Outcome = tuple[str, bool, str]

SCRIPT = "</script><script>alert(1)</script>"
CANARY = "c4n4ry"
NOW = datetime(2024, 2, 1, tzinfo=UTC)


def fault_foreign_host(folder: Path) -> Outcome:
    return _answered(folder, 421, {"Host": "evil.example"})


def fault_host_with_a_login(folder: Path) -> Outcome:
    return _answered(folder, 421, {"Host": "localhost@evil.example"})


def fault_forwarded_host_is_not_believed(folder: Path) -> Outcome:
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    response = _service(folder).get("/", headers=headers)
    return folder.name, b"evil" not in response.data + str(response.headers).encode(), ""


def fault_path_that_a_client_claims(folder: Path) -> Outcome:
    response = _service(folder).get("/model", environ_overrides={"SCRIPT_NAME": "/evil"})
    return folder.name, response.status_code == 200, f"status {response.status_code}"


def fault_script_as_a_request_id(folder: Path) -> Outcome:
    response = _service(folder).get("/healthz", headers={"X-Request-ID": SCRIPT})
    return folder.name, SCRIPT not in str(response.headers), response.headers["X-Request-ID"]


def fault_unknown_key(folder: Path) -> Outcome:
    return _answered(folder, 401, {"X-API-Key": "x" * 40}, keys=True)


def fault_key_of_100_kilobytes(folder: Path) -> Outcome:
    return _answered(folder, 401, {"X-API-Key": "x" * 100_000}, keys=True)


def fault_key_that_is_no_ascii(folder: Path) -> Outcome:
    return _answered(folder, 401, {"Authorization": "Bearer \xe9\xff"}, keys=True)


def fault_forged_prediction_id(folder: Path) -> Outcome:
    return _fed_back(folder, {"prediction_id": str(uuid4())}, 404)


def fault_script_as_a_tag_of_feedback(folder: Path) -> Outcome:
    return _fed_back(folder, {"final_tags": [SCRIPT]}, 400)


def fault_formula_of_a_table_as_a_tag(folder: Path) -> Outcome:
    return _fed_back(folder, {"final_tags": ["=cmd|' /C calc'!A0"]}, 400)


def fault_marks_of_direction_in_a_tag(folder: Path) -> Outcome:
    return _fed_back(folder, {"final_tags": ["\u202egnp.exe"]}, 400)


def fault_script_as_a_name_in_a_report() -> Outcome:
    shown = without_markup(f"{SCRIPT}\u2028alert(1)//")
    return "script as a name in a report", not set(shown) & set("<>&\u2028"), shown


def fault_link_in_a_note() -> Outcome:
    shown = markdown("![x](http://evil.example/pixel) <img src=x>")
    return "link in a note", "\\]" in shown and "<" not in shown, shown


def fault_formula_in_a_picture() -> Outcome:
    chart = contributors_chart("tags", "tag", [ContributorSummary("$\\frac{a$", 0.1, 0.2)])
    return "formula in a picture", chart.png.startswith(b"\x89PNG"), f"{len(chart.png)} bytes"


def fault_script_and_header_in_a_mail() -> Outcome:
    tags = (ContributorSummary(f"{SCRIPT}\r\nBcc: all@example.org", 0.1, 0.2),)
    mail = drift_mail(drift_summary(tags=tags, reason=SCRIPT))
    survived = "<script" not in mail.html and "\n" not in mail.subject
    return "script and header in a mail", survived, mail.subject


def fault_channel_mentioned_in_slack() -> Outcome:
    summary = drift_summary(reason="<!channel> <http://evil.example|here>")
    told = drift_text(summary, drift_mail(summary))
    return "channel mentioned in Slack", "<!channel>" not in told and "<http://evil" not in told, ""


def fault_model_whose_files_were_exchanged(folder: Path) -> Outcome:
    def fetch(into: Path) -> None:
        (into / "model.json").write_text("exchanged")

    try:
        verified_download(folder / "model", "ab" * 32, fetch, "version 1")
    except ModelUnusableError as error:
        return folder.name, not (folder / "model").exists(), str(error)
    return folder.name, False, "loaded"


def fault_planted_link_in_the_temporary_folder(folder: Path) -> Outcome:
    victim, before = folder / "victim", tempfile.tempdir
    victim.mkdir(mode=0o700)
    (folder / f"tagkeeper-{os.geteuid()}").symlink_to(victim)
    tempfile.tempdir = str(folder)
    try:
        private_folders.temporary_folder()
    except FixSettingsError as error:
        return folder.name, not any(victim.iterdir()), str(error)
    finally:
        tempfile.tempdir = before
    return folder.name, False, "followed"


def fault_login_in_an_error() -> Outcome:
    shown = without_login(f"cannot reach http://ann:{CANARY}@mlflow:5000/")
    return "login in an error", CANARY not in shown, shown


def fault_text_of_a_refused_row() -> Outcome:
    line = prediction_line(_row()).replace(b"1.500", CANARY.encode())
    with database() as engine:
        try:
            with engine.begin() as connection:
                copy_predictions(connection, [line])
        except DBAPIError as error:
            shown = "".join(traceback.format_exception(error))
            return "text of a refused row", CANARY not in shown, shown[-200:]
    return "text of a refused row", False, "stored"


def fault_erasure_beside_a_dead_worker(folder: Path) -> Outcome:
    spool = Spool(folder)
    spool.append("p", [prediction_line(_row()), prediction_line(_row("another"))])
    spool.close()
    SetAside(folder).add_refused([("p", prediction_line(_row()))])
    SetAside(folder).add_damaged([CANARY.encode(), b"of somebody else"])
    removed = erase_from_spool(folder, DataSubject(client=CANARY), dry_run=False)
    left = [path.name for path in folder.rglob("*") if CANARY.encode() in path.read_bytes()]
    others = count_in_spool(folder, DataSubject(client="another"))
    survived = removed == 3 and not left and others == 1
    return folder.name, survived, f"{removed} removed, left in {left}, {others} of others"


def _service(folder: Path, *, keys: bool = False) -> FlaskClient:
    settings = Settings(local_dir=folder, site="sandbox")
    if keys:
        add_key(folder / "keys", "ann")
        settings = settings.model_copy(update={"service_api_keys_file": folder / "keys"})
    models = FixedModelSource(ServedModels(champion=loaded_model()))
    return create_app(settings, model_source=models, recorder=ListRecorder()).test_client()


def _answered(folder: Path, status: int, headers: dict[str, str], *, keys: bool = False) -> Outcome:
    """Survived if a question with these headers gets that status."""
    service = _service(folder, keys=keys)
    response = service.post("/predict", json={"title": "sql"}, headers=headers)
    return folder.name, response.status_code == status, f"status {response.status_code}"


def _fed_back(folder: Path, change: dict[str, object], status: int) -> Outcome:
    """Survived if such feedback gets that status."""
    service = _service(folder)
    asked = service.post("/predict", json={"title": "sql"}).json
    assert asked is not None
    told = {"prediction_id": asked["prediction_id"], "final_tags": ["sql"], **change}
    response = service.post("/feedback", json=told)
    return folder.name, response.status_code == status, f"status {response.status_code}"


def _row(client: str = CANARY) -> Prediction:
    return Prediction(
        uuid4(), NOW, "s", client, "b", (), "1", "tfidf", "champion", 1.5, client=client
    )
