"""Mails: both parts, inline images, no injection."""

import re
from email import message_from_bytes, policy
from io import BytesIO

import pytest
from PIL import Image

from include.errors import FixSettingsError
from include.notify.mail import Mail, message, send
from include.notify.render import ab_test_mail, drift_mail, rollback_mail, training_mail
from include.notify.summaries import ContributorSummary
from tests.unit.notification_samples import (
    TAGS,
    ab_test_summary,
    drift_summary,
    rollback_summary,
    training_summary,
)

NASTY = '<script>alert("x")</script>\r\nBcc: everybody@example.org'


def sent(mail):
    """The message as a mail client parses it."""
    made = message(mail, sender="Tagkeeper <tagkeeper@localhost>", recipients="a@x.org, b@x.org")
    return message_from_bytes(made.as_bytes(), policy=policy.default)


@pytest.fixture(scope="module")
def drift():
    return sent(drift_mail(drift_summary()))


def test_mail_has_a_plain_part_before_the_html_part(drift):
    assert drift.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in drift.iter_parts()]
    assert kinds == ["text/plain", "multipart/related"]


def test_plain_part_names_the_drift_its_size_and_the_links(drift):
    text = drift.get_body(("plain",)).get_content()

    assert "New tags: 0.142 against 0.021 (6.8 times)" in text
    assert "combine: 0.0 % to 17.4 %" in text
    assert "F1@5 on true tags: 0.523 before, 0.421 now" in text
    assert "/dags/train_candidates/runs/drift-report-7" in text
    assert "<" not in text


def test_every_image_of_the_html_is_embedded(drift):
    html = drift.get_body(("html",)).get_content()
    inside = {
        part["Content-ID"].strip("<>"): part.get_content()
        for part in drift.walk()
        if part.get_content_type() == "image/png"
    }

    assert set(inside) == {"signals", "tags", "words"}
    assert all(f'src="cid:{name}"' in html for name in inside)
    assert all(len(png) < 80_000 for png in inside.values())
    for png in inside.values():
        with Image.open(BytesIO(png)) as picture:
            assert len(picture.convert("RGB").getcolors(maxcolors=1 << 24)) > 2  # not blank


def test_subject_names_month_and_top_contributors(drift):
    assert drift["Subject"] == (
        "[stackoverflow] Drift in 2019-06: combine, swiftui and rxjs6; retraining"
    )


def test_name_of_a_tag_and_a_word_is_once_in_the_subject():
    new = ContributorSummary("kinzenzen", 0.0, 0.2, significant=True)
    other = ContributorSummary("tulqui", 0.0, 0.1, significant=True)

    mail = drift_mail(drift_summary(tags=(new,), words=(new, other)))

    assert mail.subject == "[stackoverflow] Drift in 2019-06: kinzenzen and tulqui; retraining"


def test_change_that_may_be_chance_is_not_in_the_subject_and_marked_in_the_text():
    rare = ContributorSummary("rare", 0.0, 0.005)

    mail = drift_mail(drift_summary(tags=(rare,), words=()))

    assert mail.subject == "[stackoverflow] Drift in 2019-06; retraining"
    assert "rare: 0.0 % to 0.5 %, may be chance" in mail.text


def test_all_recipients_are_in_the_header(drift):
    assert [address.addr_spec for address in drift["To"].addresses] == ["a@x.org", "b@x.org"]


def test_same_report_gives_the_same_message_id():
    first, second = (sent(drift_mail(drift_summary(questions=n)))["Message-ID"] for n in (1, 2))

    assert first == second == "<drift-report-7@tagkeeper>"


@pytest.mark.parametrize(
    "mail",
    [
        drift_mail(drift_summary(site=NASTY, reason=NASTY, window=NASTY, model=NASTY)),
        drift_mail(drift_summary(tags=(type(TAGS[0])(NASTY, 0.0, 0.2),), words=())),
        training_mail(training_summary(site=NASTY, reason=NASTY, candidate=NASTY, failed=(NASTY,))),
        rollback_mail(rollback_summary(reason=NASTY, actor=NASTY, key=NASTY)),
        ab_test_mail(ab_test_summary(site=NASTY, reason=NASTY, served_version=NASTY, shared=NASTY)),
    ],
    ids=["drift", "contributors", "training", "rollback", "ab_test"],
)
def test_user_text_injects_neither_html_nor_headers(mail):
    made = sent(mail)

    assert made["Bcc"] is None
    assert "<script" not in made.get_body(("html",)).get_content()
    assert "\r\nBcc" not in made["Subject"]
    assert made["Message-ID"].count("\n") == 0


def header_of(name, **settings):
    """A header as it is sent, and as a mail client reads it."""
    given = {"sender": "a@x.org", "recipients": "b@x.org", **settings}
    made = message(Mail("k", given.pop("subject", "s"), "t", "<p>h</p>"), **given)
    raw = made.as_bytes().split(b"\r\n\r\n")[0]
    lines = re.search(rf"^{name}:((?:.*\r\n)(?:[ \t].*\r\n)*)", raw.decode("ascii") + "\r\n", re.M)
    return lines.group(0), message_from_bytes(made.as_bytes(), policy=policy.default)[name]


def test_name_of_a_sender_may_hold_a_comma():
    _, read = header_of("From", sender='"Keeper, Tag" <tag@x.org>')

    assert [(a.display_name, a.addr_spec) for a in read.addresses] == [("Keeper, Tag", "tag@x.org")]


def test_names_of_recipients_may_hold_commas():
    _, read = header_of("To", recipients='"Lovelace, Ada" <ada@x.org>, bob@x.org')

    assert [a.addr_spec for a in read.addresses] == ["ada@x.org", "bob@x.org"]


def test_international_domain_is_sent_in_ascii():
    raw, read = header_of("To", recipients="post@straße.example")

    assert read.addresses[0].addr_spec == "post@xn--strae-oqa.example"
    assert raw.isascii()


def test_address_that_not_every_server_takes_is_refused():
    with pytest.raises(FixSettingsError, match="only ASCII characters"):
        header_of("To", recipients="jürgen@x.org")


@pytest.mark.parametrize("name", ["Subject", "From"])
def test_encoded_words_are_at_most_75_characters_in_lines_of_76(name):
    text = "Дрейф в вопросах: " + "слово " * 20
    raw, read = header_of(name, subject=text, sender='"Хранитель, меток" <a@x.org>')

    words = re.findall(r"=\?[^?]+\?[qQbB]\?[^?]*\?=", raw)
    assert words
    assert max(map(len, words)) <= 75
    assert max(map(len, raw.split("\r\n"))) <= 76
    shown = read if name == "Subject" else read.addresses[0].display_name
    assert shown == (text.strip() if name == "Subject" else "Хранитель, меток")


def test_subject_in_ascii_is_not_folded():
    raw, _ = header_of("Subject", subject="word " * 25)

    assert raw.count("\r\n") == 1


def test_ids_of_two_installations_differ():
    ids = [
        header_of("Message-ID", origin=origin)[1] for origin in ("a.1.tagkeeper", "a.2.tagkeeper")
    ]

    assert ids == ["<k@a.1.tagkeeper>", "<k@a.2.tagkeeper>"]


@pytest.mark.parametrize("bad", ["", "nobody", "a@x.org\r\nBcc: b@x.org", "a@x.org, <b"])
def test_invalid_address_in_a_setting_is_refused(bad):
    mail = Mail("k", "s", "t", "<p>h</p>")

    with pytest.raises(FixSettingsError, match="MAIL_TO"):
        message(mail, sender="a@x.org", recipients=bad)


def test_mail_of_an_alarm_says_of_how_many_questions_samples_were_compared():
    mail = drift_mail(drift_summary())

    for body in (mail.text, mail.html):
        assert "5,000 of 66,000 questions with 20,000 of 264,000 of 2018-12 to 2019-05" in body


def test_mail_of_a_promotion_has_both_models_metrics_and_the_rollback_command():
    mail = training_mail(training_summary())

    assert (
        mail.subject == "[stackoverflow] Version 13 (hybrid) is live after retraining for 2019-06"
    )
    assert "champion, version 12: 0.702, 0.482, 0.421, 0.381, " in mail.text
    assert "hybrid (selected): 0.811, 0.569, 0.486, 0.448, 0.643, 0.97, 0.86\n" in mail.text
    assert "tagkeeper rollback --to previous" in mail.text
    assert "rollback_champion" in mail.html


def test_mail_says_how_much_of_the_window_a_candidate_learned_from_and_of_which_dates():
    mail = training_mail(training_summary())

    for body in (mail.text, mail.html):
        assert body.count("learned from") == 1, "nothing is said where nothing is known"
        assert "the latest 9,000 of 66,000 questions, asked from 2019-05-28 to 2019-05-31" in body
        assert "with 1,204 tags used at least 5 times" in body


def test_mail_has_the_selected_candidates_precision_recall_and_answered_share_by_threshold():
    mail = training_mail(training_summary())

    assert "from 0.25: 0.61, 0.68, 0.97" in mail.text
    assert "from 0.90: " in mail.text
    assert "hybrid by minimum score" in mail.html


def test_mail_of_a_kept_model_has_no_rollback_command():
    mail = training_mail(training_summary(promoted=False, version=None))

    assert mail.subject == "[stackoverflow] Version 12 stays after retraining for 2019-06"
    assert "roll back" not in mail.text + mail.html


def test_mail_of_a_refresh_on_a_surge_names_the_new_tags():
    summary = training_summary(
        test_month="2019-06-05 to 2019-06-08", refresh_cause="surge", new_tags=("swiftui", NASTY)
    )
    mail = training_mail(summary)

    assert mail.subject.startswith(
        "[stackoverflow] Version 13 (hybrid) is live after refresh judged on "
        "2019-06-05 to 2019-06-08; new: swiftui"
    )
    assert "since version 12 learned, which it cannot suggest:\nswiftui, " in mail.text
    assert NASTY not in mail.html


def test_mail_of_a_refused_refresh_says_that_the_champion_stays():
    mail = training_mail(training_summary(promoted=False, version=None, refresh_cause="due"))

    assert "stays; the refreshed model was not promoted" in mail.text
    assert "retrain" not in mail.text + mail.html


def test_failed_candidates_are_named():
    assert "Failed and left out: lda" in training_mail(training_summary(failed=("lda",))).text


def test_rollback_says_who_and_why():
    text = rollback_mail(rollback_summary()).text

    assert "version 12 again" in text
    assert "Who: maria\nWhy: suggests swift for everything" in text


def test_mail_of_a_winning_challenger_has_its_gain_and_the_rollback_command():
    mail = ab_test_mail(ab_test_summary())

    assert mail.subject == "[stackoverflow] Version 13 won and is live after A/B test 4"
    assert "Gain in F1@5: +0.041, between +0.012 and +0.070" in mail.text
    assert "(version 12)" in mail.text
    assert "rollback_champion" in mail.html


def test_mail_of_a_losing_challenger_has_no_rollback_command():
    mail = ab_test_mail(ab_test_summary(promoted=False, served_version="12"))

    assert mail.subject == "[stackoverflow] Version 12 stays after A/B test 4"
    assert "roll back" not in mail.text + mail.html


def test_message_is_sent_over_the_open_connection():
    class Connection:
        def __init__(self):
            self.messages = []

        def send_message(self, made):
            self.messages.append(made)

    connection = Connection()

    send(connection, rollback_mail(rollback_summary()), sender="a@x.org", recipients="b@x.org")

    assert [m["To"] for m in connection.messages] == ["b@x.org"]
