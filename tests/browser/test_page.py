"""The page at / in headless Chromium: typed into, looked at, used from the keyboard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from werkzeug.serving import make_server

from include.settings import Settings
from include.tag_names import TagNames
from serving import create_app
from serving.keys import add_key
from serving.served_models import FixedModelSource, ServedModels
from serving.suggester import NO_MODEL
from tests.serving.conftest import ListRecorder, loaded_model

pytestmark = pytest.mark.browser


class Site:
    """The real service on a real port, with a list as recorder."""

    def __init__(self, settings: Settings, served: ServedModels) -> None:
        self.recorder = ListRecorder()
        self.models = FixedModelSource(served)
        app = create_app(settings, model_source=self.models, recorder=self.recorder)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(
        Settings(local_dir=tmp_path, site="sandbox"), ServedModels(champion=loaded_model())
    )
    yield opened
    opened.close()


@pytest.fixture
def page(browser, site):
    context = browser.new_context()
    opened = context.new_page()
    opened.errors = []
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.on(
        "console", lambda line: opened.errors.append(line.text) if line.type == "error" else None
    )
    opened.requested = []
    opened.on("request", lambda request: opened.requested.append(request.url))
    opened.goto(site.url)
    yield opened
    context.close()


def accept_button(page, tag):
    return page.locator(f"[data-tag={tag}] .accept")


def chosen(page):
    return page.locator("#chosen button").all_text_contents()


def suggest(page, title="How do I use pandas with python?"):
    page.get_by_label("Title").fill(title)
    page.locator(".tag").first.wait_for()


def test_tags_follow_typing(page):
    suggest(page)

    best = page.locator(".tag .name").all_text_contents()[:2]
    assert set(best) == {"pandas", "python"}
    assert page.locator(".tag .score").first.text_content() == "90%"


def test_page_shows_the_model(page):
    assert "version 7" in page.locator("#model", has_text="version").text_content()


def test_page_says_what_the_scores_mean(page):
    page.get_by_text("What the scores mean").click()

    rows = page.locator("#thresholds tr").all_inner_texts()
    assert [row.split() for row in rows] == [["50%", "75%", "50%", "95%"], ["90%", "0%", "0%"]]
    assert "Measured on 2025-11" in page.locator("#meaning").inner_text()


def test_without_figures_of_the_model_nothing_is_said_of_its_scores(browser, tmp_path):
    model = replace(loaded_model(), description={})
    site = Site(Settings(local_dir=tmp_path, site="sandbox"), ServedModels(champion=model))
    page = browser.new_page()
    page.goto(site.url)
    page.locator("#model", has_text="version").wait_for()
    hidden = page.locator("#meaning").is_hidden()
    page.close()
    site.close()

    assert hidden


def test_reasons_are_shown(page):
    suggest(page)

    assert page.locator("[data-tag=pandas] .why").text_content() == "name: pandas"


@pytest.mark.parametrize(
    ("mentions", "said"),
    [
        (["parts in the title", "named in the text", "named in the code"],
         "named in the text and the code"),
        (["parts in the title", "parts in the text"],
         "part of its name in the title and the text"),
    ],
)  # fmt: skip
def test_where_a_tag_is_named_is_said_in_one_phrase(page, mentions, said):
    def answer(route):
        reasons = [{"kind": "mention", "text": f"sql: {each}", "weight": 1} for each in mentions]
        tags = [{"tag": "sql", "score": 0.9, "reasons": reasons}]
        route.fulfill(
            json={
                "tags": tags, "suggested": ["sql"], "model_version": "7", "variant": "champion",
                "prediction_id": "00000000-0000-0000-0000-000000000001",
            }
        )  # fmt: skip

    page.route("**/predict", answer)
    suggest(page)

    assert page.locator("[data-tag=sql] .why").text_content() == said


def like_other_questions(route):
    reasons = [
        {"kind": "question", "text": "Merge <b>two</b> dicts", "weight": 2, "question_id": 38987},
        {"kind": "question", "text": "Sort a dict", "weight": 1, "question_id": 613183},
    ]
    tags = [{"tag": "python", "score": 0.9, "reasons": reasons}]
    route.fulfill(
        json={
            "tags": tags, "suggested": ["python"], "model_version": "7", "variant": "champion",
            "prediction_id": "00000000-0000-0000-0000-000000000001",
        }
    )  # fmt: skip


def test_similar_questions_are_linked_with_their_licence(browser, tmp_path):
    site = Site(Settings(local_dir=tmp_path, site="stackoverflow"), ServedModels())
    page = browser.new_page()
    page.goto(site.url)
    page.route("**/predict", like_other_questions)
    suggest(page)
    links = {
        link.text_content(): link.get_attribute("href") for link in page.locator(".why a").all()
    }
    licence = page.locator("#licence").inner_text()
    found = violations(page)
    page.close()
    site.close()

    assert links == {
        "Merge <b>two</b> dicts": "https://stackoverflow.com/q/38987",
        "Sort a dict": "https://stackoverflow.com/q/613183",
    }
    assert "CC BY-SA" in licence
    assert found == {}


def test_questions_of_a_sandbox_have_no_address(browser, tmp_path):
    settings = Settings(local_dir=tmp_path, stackexchange_api_url="http://127.0.0.1:5/2.3")
    site = Site(settings, ServedModels())
    page = browser.new_page()
    page.goto(site.url)
    page.route("**/predict", like_other_questions)
    suggest(page)
    said = page.locator(".why").text_content()
    hidden = page.locator("#licence").is_hidden()
    page.close()
    site.close()

    assert said == "like: Merge <b>two</b> dicts; Sort a dict"
    assert hidden


def test_typing_sends_one_request_per_pause(page, site):
    page.get_by_label("Title").press_sequentially("How do I use pandas", delay=40)
    page.locator(".tag").first.wait_for()

    assert len(site.recorder.rows) == 1
    assert site.recorder.rows[0].client == "page"


def test_markdown_is_rendered_and_sanitised(page, site):
    page.get_by_label("Question", exact=True).fill(
        "I use **sql** <img src=x onerror='document.title=\"owned\"'>"
    )
    suggest(page)

    assert page.locator("#preview strong").text_content() == "sql"
    assert page.locator("#preview img").count() == 0
    assert page.title() == "Tag suggestions"
    assert "<strong>sql</strong>" in site.recorder.rows[-1].body


def test_suggested_tags_are_selected_and_the_rest_is_offered(page):
    suggest(page)

    assert page.locator(".tag .kind").all_text_contents() == ["suggested"] * 2 + ["maybe"] * 3
    assert chosen(page) == ["pandas", "python"]
    assert accept_button(page, "pandas").get_attribute("aria-pressed") == "true"
    assert accept_button(page, "sql").get_attribute("aria-pressed") == "false"


def test_selected_accepted_and_added_tags_are_sent_as_feedback(page, site):
    suggest(page)
    page.get_by_role("button", name="sql, maybe, 10 percent").click()
    page.get_by_label("Add a tag").fill("Data Frame")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Remove python").click()
    page.get_by_role("button", name="Save these tags").click()
    page.get_by_text("Saved: pandas, sql, data-frame.").wait_for()

    (sent,) = site.recorder.feedback
    assert sent.final_tags == ("pandas", "sql", "data-frame")
    assert sent.source == "page"
    assert sent.prediction_id == site.recorder.rows[-1].prediction_id


def test_tag_that_was_typed_is_not_suggested_any_more(page):
    suggest(page, "pandas")
    page.evaluate("document.querySelector('[data-tag=sql]').remove()")  # as if not suggested
    page.get_by_label("Add a tag").fill("SQL")
    page.get_by_role("button", name="Add", exact=True).click()
    with page.expect_response("**/predict"):
        page.get_by_label("Title").fill("flask or sql")
    page.locator("[data-tag=flask] .score", has_text="90%").wait_for()

    assert "sql" not in page.locator("#tags .name").all_text_contents()
    assert chosen(page) == ["sql", "flask"]


def test_tag_that_was_accepted_stays_selected_when_the_text_changes(page):
    suggest(page, "pandas")
    accept_button(page, "regex").click()
    with page.expect_response("**/predict"):
        page.get_by_label("Title").fill("sql")

    page.locator("[data-tag=sql] .score", has_text="90%").wait_for()
    assert chosen(page) == ["regex", "sql"]
    assert accept_button(page, "regex").get_attribute("aria-pressed") == "true"


def test_tag_that_was_removed_is_not_selected_again(page):
    suggest(page, "pandas")
    accept_button(page, "pandas").click()
    with page.expect_response("**/predict"):
        page.get_by_label("Title").fill("pandas or sql")

    page.locator("[data-tag=sql] .score", has_text="90%").wait_for()
    assert chosen(page) == ["sql"]
    assert accept_button(page, "pandas").get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("by", ["an empty title", "the button"])
def test_the_next_question_starts_without_the_tags_that_were_chosen_for_the_last(page, by):
    suggest(page, "pandas")
    accept_button(page, "pandas").click()  # removes it
    accept_button(page, "regex").click()
    page.get_by_label("Add a tag").fill("data-frame")
    page.get_by_role("button", name="Add", exact=True).click()
    if by == "the button":
        page.get_by_role("button", name="New question").click()
    else:
        page.get_by_label("Title").fill("")
    page.get_by_text("Type a title to begin.").wait_for()
    assert page.get_by_role("button", name="Save these tags").is_hidden()
    suggest(page, "pandas or sql")

    assert chosen(page) == ["pandas", "sql"]


def test_tags_are_not_saved_with_another_text_than_they_were_suggested_for(page, site):
    suggest(page, "pandas")
    page.route("**/predict", lambda route: route.abort())
    page.get_by_label("Title").fill("sql")
    page.get_by_text("No new tags: the service cannot be reached").wait_for()
    page.get_by_role("button", name="Save these tags").click()

    page.get_by_text("Not saved: wait for the tags of this text.").wait_for()
    assert site.recorder.feedback == []


def test_the_skip_link_leads_to_the_suggestions_of_an_empty_page(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.id") == "example"


def test_what_is_no_tag_cannot_be_added(page):
    suggest(page)
    page.get_by_label("Add a tag").fill("<b>")
    page.get_by_role("button", name="Add", exact=True).click()

    page.get_by_text("A tag is 1 to 35 letters").wait_for()
    assert chosen(page) == ["pandas", "python"]


def marked(page):
    """The marked places, in the order of the text."""
    return page.evaluate("[...CSS.highlights.get('reasons') ?? []].map(range => range.toString())")


def test_words_that_speak_for_the_selected_tags_are_marked_in_the_text(page):
    page.get_by_label("Question", exact=True).fill("I read `Pandas` **data**, not pandasql.")
    suggest(page, "Use pandas with SQL")

    assert sorted(marked(page)) == ["Pandas", "SQL", "pandas"]
    assert page.locator("#preview-title").text_content() == "Use pandas with SQL"
    page.get_by_text("Marked: words that speak for the selected tags.").wait_for()


def test_pointing_at_a_tag_marks_its_words_only(page):
    suggest(page, "Use pandas with SQL")
    page.locator("[data-tag=sql]").hover()
    assert marked(page) == ["SQL"]
    page.get_by_text("Marked: words that speak for sql.").wait_for()

    page.locator("h1").hover()
    assert sorted(marked(page)) == ["SQL", "pandas"]


def test_focusing_a_tag_marks_its_words_only(page):
    suggest(page, "Use pandas with SQL")
    accept_button(page, "pandas").focus()

    assert marked(page) == ["pandas"]


def test_a_question_in_html_is_previewed_as_text(page):
    page.get_by_text("HTML", exact=True).click()
    page.get_by_label("Question", exact=True).fill("<p>about <img src=x onerror=1>sql</p>")
    suggest(page, "x")

    assert page.locator("#preview").text_content() == "about sql"
    assert page.locator("#preview *").count() == 0
    assert marked(page) == ["sql"]


@pytest.fixture
def counted(browser, tmp_path):
    """A page whose model knows how often its tags are used, and a synonym."""
    uses = {"flask": 12, "pandas": 1234, "python": 5000, "regex": 88, "sql": 400}
    model = replace(loaded_model(), description={"tag_uses": uses})
    served = ServedModels(champion=model, tag_names=TagNames({"regular-expressions": "regex"}))
    site = Site(Settings(local_dir=tmp_path, site="sandbox"), served)
    opened = browser.new_page()
    opened.goto(site.url)
    suggest(opened, "sql")
    yield opened
    opened.close()
    site.close()


def options(page):
    page.get_by_role("option").first.wait_for()
    return page.get_by_role("option").all_inner_texts()


def test_typing_completes_tags_with_counts(counted):
    counted.get_by_label("Add a tag").press_sequentially("p")

    assert [" ".join(text.split()) for text in options(counted)] == [
        "python 5,000 questions",
        "pandas 1,234 questions",
        "regex (regular-expressions) 88 questions",
    ]
    field = counted.get_by_role("combobox", name="Add a tag")
    assert field.get_attribute("aria-expanded") == "true"
    counted.get_by_text("3 tags, use the arrow keys").wait_for()


def test_a_synonym_is_completed_to_its_canonical_tag(counted):
    counted.get_by_label("Add a tag").fill("regular exp")

    assert options(counted)[0].startswith("regex (regular-expressions)")
    counted.get_by_role("option").click()
    assert chosen(counted) == ["sql", "regex"]


@pytest.fixture
def described(browser, tmp_path):
    """A page whose site says something of two tags."""
    said = {"pandas": "A library for <b>tables</b>.", "python": "A language & its library."}
    served = ServedModels(champion=loaded_model(), tag_descriptions=said)
    site = Site(Settings(local_dir=tmp_path, site="sandbox"), served)
    opened = browser.new_page()
    opened.goto(site.url)
    yield opened
    opened.close()
    site.close()


def test_a_suggestion_shows_what_the_site_says_of_its_tag_with_the_licence(described):
    suggest(described)

    described.locator("[data-tag=python] .description", has_text="A language & its").wait_for()
    text = described.locator("[data-tag=pandas] .description").inner_text()
    assert text == "A library for <b>tables</b>."
    assert described.locator("[data-tag=sql] .description").is_hidden()
    licence = described.locator("#licence").inner_text()
    assert "escriptions of tags are by users of sandbox, licensed CC BY-SA" in licence


def test_a_completion_shows_what_the_site_says_of_its_tag(described):
    suggest(described)
    described.get_by_label("Add a tag").fill("sql")
    assert "library" not in options(described)[0]
    for _ in described.locator("#chosen button").all():
        described.locator("#chosen button").first.click()
    described.get_by_label("Add a tag").fill("pand")

    described.get_by_role("option", name="pandas").wait_for()
    assert "A library for <b>tables</b>." in options(described)[0]


def test_a_tags_description_is_asked_for_once(described):
    asked = []
    described.on(
        "request", lambda each: asked.append(each.url) if "/tags?tag" in each.url else None
    )
    suggest(described)
    described.locator("[data-tag=python] .description", has_text="A language").wait_for()
    with described.expect_response("**/predict"):
        described.get_by_label("Title").fill("How else do I use pandas with python?")
    described.locator("[data-tag=python] .description", has_text="A language").wait_for()

    tags = [tag for url in asked for tag in url.split("?")[1].split("&")]
    assert len(tags) == len(set(tags)) > 0


def test_a_tag_is_completed_by_keyboard_only(counted):
    field = counted.get_by_label("Add a tag")
    field.focus()
    counted.keyboard.type("p")
    options(counted)
    counted.keyboard.press("ArrowDown")
    counted.keyboard.press("ArrowDown")
    active = field.get_attribute("aria-activedescendant")
    assert counted.locator(f"#{active}").get_attribute("aria-selected") == "true"
    counted.keyboard.press("Enter")

    assert chosen(counted) == ["sql", "pandas"]
    assert counted.get_by_role("option").count() == 0
    assert counted.evaluate("document.activeElement.id") == "add"


def test_escape_closes_the_list_and_enter_adds_what_was_typed(counted):
    counted.get_by_label("Add a tag").focus()
    counted.keyboard.type("pyt")
    options(counted)
    counted.keyboard.press("Escape")
    assert counted.get_by_role("option").count() == 0
    counted.keyboard.press("Enter")

    assert chosen(counted) == ["sql", "pyt"]


def test_a_tag_that_is_chosen_is_not_offered_again(counted):
    counted.get_by_label("Add a tag").fill("q")
    counted.wait_for_timeout(400)

    assert counted.get_by_role("option").count() == 0


def test_an_empty_page_offers_an_example(page, site):
    page.get_by_role("button", name="Try an example").click()
    page.locator(".tag").first.wait_for()

    assert page.get_by_label("Title").input_value() == site.recorder.rows[-1].title
    assert page.get_by_role("button", name="Try an example").is_hidden()
    page.get_by_label("Title").fill("")
    page.get_by_text("Type a title to begin.").wait_for()
    assert page.get_by_role("button", name="Try an example").is_visible()


def test_a_text_that_is_too_long_is_kept_counted_and_not_sent(page, site):
    page.get_by_label("Title").fill("pandas" * 90)
    page.get_by_text("40 characters too long: at most 500. Nothing is sent.").wait_for()
    page.get_by_text("No tags: the text is too long.").wait_for()

    assert site.recorder.rows == []
    assert len(page.get_by_label("Title").input_value()) == 540
    page.get_by_label("Title").fill("pandas")
    page.locator(".tag").first.wait_for()


def test_a_slow_answer_is_announced(page):
    page.route("**/predict", lambda route: (page.wait_for_timeout(2500), route.continue_()))
    page.get_by_label("Title").fill("pandas")

    page.get_by_text("Still working on it").wait_for()
    page.locator(".tag").first.wait_for()


def test_an_unreachable_service_is_tried_again_and_the_text_stays(page):
    page.clock.install()
    page.route("**/predict", lambda route: route.abort())
    page.get_by_label("Title").fill("pandas")
    page.get_by_text("the service cannot be reached. The next try is in 5 s.").wait_for()
    page.unroute("**/predict")
    page.clock.fast_forward(5000)

    page.locator(".tag").first.wait_for()
    assert page.get_by_label("Title").input_value() == "pandas"


def test_a_service_that_is_silent_is_given_up_with_a_message_and_asked_again(page):
    page.clock.install()
    page.route("**/predict", never)
    page.get_by_label("Title").fill("pandas")
    page.get_by_text("Still working on it").wait_for()
    page.clock.fast_forward(50_000)  # 15 s to receive, 30 to answer, 5 for the way
    page.get_by_text("not answered within 50 s. The next try is in 5 s.").wait_for()
    page.unroute("**/predict")
    page.clock.fast_forward(5000)

    page.locator(".tag").first.wait_for()


def never(route):
    """Leave a request without an answer."""


def refuse(status, detail, seconds):
    """Return a handler that answers as the service does."""

    def answer(route):
        route.fulfill(
            status=status,
            headers={"Retry-After": str(seconds)},
            content_type="application/problem+json",
            json={"detail": detail},
        )

    return answer


def test_a_busy_service_is_asked_again_when_it_says_and_not_for_each_key(page, site):
    page.clock.install()
    page.route("**/predict", refuse(429, "this key may send 20 questions", 40))
    page.get_by_label("Title").fill("pandas")
    page.get_by_text("this key may send 20 questions. The next try is in 40 s.").wait_for()
    page.unroute("**/predict")
    page.get_by_label("Title").fill("pandas and sql")
    page.clock.fast_forward(30_000)
    assert site.recorder.rows == []
    page.clock.fast_forward(11_000)

    page.locator(".tag").first.wait_for()
    assert [row.title for row in site.recorder.rows] == ["pandas and sql"]
    assert page.get_by_role("button", name="Try now").is_hidden()


@pytest.mark.parametrize("by", ["Enter", "Try now"])
def test_a_person_need_not_wait_for_the_next_try(page, by):
    page.route("**/predict", refuse(503, "the service is busy", 300))
    page.get_by_label("Title").fill("pandas")
    page.get_by_text("The next try is in 5 minutes.").wait_for()
    page.unroute("**/predict")
    if by == "Enter":
        page.keyboard.press("Enter")
    else:
        page.get_by_role("button", name=by).click()

    page.locator(".tag").first.wait_for()


def test_a_question_that_was_refused_is_asked_again_on_enter_only(page, site):
    page.clock.install()
    page.route("**/predict", refuse(500, "a fault of the service", 0))
    page.get_by_label("Title").fill("pandas")
    page.get_by_text("No tags: a fault of the service").wait_for()
    page.unroute("**/predict")
    page.clock.fast_forward(60_000)
    assert site.recorder.rows == []
    page.keyboard.press("Enter")

    page.locator(".tag").first.wait_for()


def test_the_page_says_what_it_stores_and_for_how_long(page):
    page.get_by_text("What is stored").click()

    assert "title, text, suggested tags with scores" in page.locator(".stored").inner_text()
    assert "24 months" in page.locator(".stored").inner_text()


def test_on_a_phone_the_tags_come_before_the_preview_is_opened(browser, site):
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(site.url)
    suggest(page)
    hidden = page.locator("#preview").is_hidden()
    context.close()

    assert hidden


def test_page_is_operable_by_keyboard(page, site):
    page.get_by_label("Title").focus()
    page.keyboard.type("pandas")
    page.locator(".tag").first.wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('accept')"):
            break
    page.keyboard.press("Space")  # deselects
    page.keyboard.press("Space")
    while not page.evaluate("document.activeElement.id === 'send'"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Saved: pandas.").wait_for()

    assert site.recorder.feedback[0].final_tags == ("pandas",)


def test_focus_survives_new_suggestions(page):
    suggest(page)
    page.locator("[data-tag=pandas] .accept").focus()
    page.evaluate(
        "title.value = 'pandas and sql'; title.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.locator("#tags [data-tag=sql] .score", has_text="90%").wait_for()

    assert page.evaluate("document.activeElement.closest('.tag').dataset.tag") == "pandas"


def test_controls_have_accessible_names_and_a_live_region(page):
    suggest(page)
    nameless = page.evaluate(
        """[...document.querySelectorAll('input, textarea, button, a')]
           .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
           .map(e => e.outerHTML)"""
    )

    assert nameless == []
    assert page.get_by_role("status").first.get_attribute("aria-live") == "polite"


def test_page_loads_no_external_resources_and_nothing_is_blocked(page, site):
    suggest(page)

    assert all(url.startswith(site.url) for url in page.requested)
    assert page.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_light_and_dark(browser, site, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(site.url)
    suggest(page)
    page.locator(".accept").first.click()
    ratios = page.evaluate(CONTRAST)
    context.close()

    assert min(ratios.values()) >= 4.5, ratios


def violations(page):
    """Return what axe-core finds in a page: rule, and the elements at fault."""
    found = Axe().run(page).response["violations"]
    return {rule["id"]: [node["html"] for node in rule["nodes"]] for rule in found}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_accessibility_checker_finds_no_violation(browser, site, scheme, width):
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(site.url)
    found = {"empty": violations(page)}
    for state, handle, said in (
        ("no model", refuse(503, NO_MODEL, 5), "train_candidates"),
        ("slow", never, "Still working on it"),
        ("offline", lambda route: route.abort(), "cannot be reached"),
    ):
        page.route("**/predict", handle)
        page.get_by_label("Title").fill(state)
        page.keyboard.press("Enter")
        page.locator("#status", has_text=said).wait_for()
        found[state] = violations(page)
        page.reload()  # gives up the request that is never answered
        page.unroute("**/predict")
    suggest(page)
    page.get_by_label("Question").fill("A [link](https://example.com) and `code`.")
    page.locator("#preview-box").wait_for()
    page.evaluate("document.getElementById('preview-box').open = true")
    page.locator("#meaning summary").click()
    page.locator(".stored summary").click()
    accept_button(page, "sql").click()
    found["answered"] = violations(page)
    page.get_by_label("Add a tag").fill("e")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    found["completing"] = violations(page)
    page.get_by_label("Add a tag").fill("<b>")
    page.get_by_role("button", name="Add", exact=True).click()
    found["refused"] = violations(page)
    page.route("**/predict", refuse(429, "this key may send 20 questions", 60))
    page.get_by_label("Title").fill("pandas, at a busy time")
    page.get_by_text("No new tags: this key may send 20 questions").wait_for()
    found["busy"] = violations(page)
    page.get_by_label("Title").fill("x" * 501)
    page.get_by_text("1 characters too long").wait_for()
    found["too long"] = violations(page)
    context.close()

    assert found == {state: {} for state in found}


CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const back = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = {};
  for (const node of document.querySelectorAll('h1, h2, p, label, button, .score, .why, a')) {
    if (!node.textContent.trim() || !node.offsetParent) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(back(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const name = node.tagName + '.' + node.className;
    found[name] = Math.min(found[name] ?? 99, ratio);
  }
  return found;
}"""


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_page_never_scrolls_horizontally(browser, site, width):
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(site.url)
    suggest(page, "pandas " + "x" * 200)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    context.close()

    assert overflow <= 0


def test_without_a_model_the_page_says_what_to_do_and_tags_follow_the_first_one(browser, tmp_path):
    site = Site(Settings(local_dir=tmp_path, site="sandbox"), ServedModels())
    page = browser.new_page()
    page.clock.install()
    page.goto(site.url)
    page.locator("#model", has_text="no model for sandbox yet").wait_for()
    page.get_by_label("Title").fill("pandas")
    page.get_by_text("train_candidates").wait_for()
    site.models.current = ServedModels(champion=loaded_model())
    page.clock.fast_forward(5000)
    page.locator(".tag").first.wait_for()
    page.locator("#model", has_text="version 7").wait_for()
    page.close()
    site.close()


def test_page_works_with_an_api_key(browser, tmp_path):
    key = add_key(tmp_path / "keys", "ann")
    settings = Settings(local_dir=tmp_path, service_api_keys_file=tmp_path / "keys")
    site = Site(settings, ServedModels(champion=loaded_model()))
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.url)
    page.get_by_label("API key").fill(key)
    suggest(page)

    assert len(site.recorder.rows) == 1
    context.close()
    site.close()


def test_a_bookmarklet_hands_over_a_question_that_is_sent_only_on_enter(page, site):
    guide = (Path(__file__).parents[2] / "docs/serving.md").read_text(encoding="utf-8")
    script = guide.split("```js\njavascript:")[1].split("\n```")[0]
    page.route(
        "https://ask.test/",
        lambda route: route.fulfill(
            content_type="text/html",
            body="<input id=title value='pandas &amp; python'><textarea id=wmd-input>a # b</textarea>",
        ),
    )
    page.goto("https://ask.test/")
    with page.expect_popup() as opened:
        page.evaluate(script.replace("http://127.0.0.1:8000/", site.url))
    asked = opened.value
    asked.get_by_text("Filled in. Press Enter for tags.").wait_for()

    assert asked.get_by_label("Title").input_value() == "pandas & python"
    assert asked.locator("#body").input_value() == "a # b"
    assert asked.url == site.url
    asked.wait_for_timeout(800)  # longer than the pause after which typed text is sent
    assert site.recorder.rows == []
    asked.keyboard.press("Enter")
    asked.locator(".tag").first.wait_for()
    assert len(site.recorder.rows) == 1
    asked.close()
