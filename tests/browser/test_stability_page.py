"""The stability page in headless Chromium: on a phone, in the dark, on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.pages.stability import render
from tests.unit.stability_reports import year_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page as a file, as MLflow keeps it."""
    path: Path = tmp_path_factory.mktemp("page") / "stability.html"
    path.write_text(render(year_report()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser, address):
    """Open the page in a window of a given width and theme."""
    contexts = []

    def open_page(width: int = 1280, scheme: str = "light", where: str = address):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.requested = []
        page.on("request", lambda request: page.requested.append(request.url))
        page.goto(where)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_page_never_scrolls_sideways(opened, width):
    page = opened(width)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("months", [("2019-06", "2019-06"), ("2018-01", "2019-12")])
def test_one_month_and_two_years_fit_a_phone_too(opened, tmp_path, months):
    path = tmp_path / "stability.html"
    path.write_text(render(year_report(*months, questions=60)), encoding="utf-8")
    page = opened(390, where=path.as_uri())

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.locator(".heat").first.is_visible()


def test_heat_map_of_a_year_fits_a_phone_whole(opened):
    page = opened(390)

    assert page.evaluate(
        "[...document.querySelectorAll('.heat')].every("
        "(map) => map.offsetWidth <= map.parentElement.clientWidth)"
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_text_in_pictures_is_large_enough_to_read(opened, width):
    page = opened(width)
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll('svg[role=img]')].map(
             (svg) => 11 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))"""
    )

    assert smallest >= 9.5


def test_labels_of_pictures_do_not_touch(opened):
    page = opened()
    touching = page.evaluate(
        """[...document.querySelectorAll('svg[role=img]')].flatMap((svg) => {
             const boxes = [...svg.querySelectorAll('text')].map((t) => [t, t.getBoundingClientRect()]);
             return boxes.flatMap(([a, p], i) => boxes.slice(i + 1)
               .filter(([, q]) => p.left < q.right && q.left < p.right && p.top + 3 < q.bottom && q.top + 3 < p.bottom)
               .map(([b]) => `${svg.textContent.trim().slice(0, 30)}: ${a.textContent} ${b.textContent}`));
           })"""
    )

    assert touching == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_light_and_dark(opened, scheme):
    page = opened(scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    ratios = page.evaluate(CONTRAST)

    assert len(ratios) > 25
    assert min(ratios.values()) >= 4.5, {k: v for k, v in ratios.items() if v < 4.5}


COLOURS = """
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (colour) => parse(colour).slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (one, other) => {
    const [a, b] = [light(one), light(other)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const back = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (parse(colour).length === 3 || parse(colour)[3] > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
"""

CONTRAST = f"""() => {{
  {COLOURS}
  const found = {{}};
  for (const node of document.querySelectorAll('body *')) {{
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !node.getClientRects().length || ['title', 'desc'].includes(node.tagName)) continue;
    const style = getComputedStyle(node);
    const name = node.tagName + '.' + (node.className.baseVal ?? node.className);
    const seen = ratio(node.tagName === 'text' ? style.fill : style.color, back(node));
    found[name] = Math.min(found[name] ?? 99, seen);
  }}
  return found;
}}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_curves_stand_out_from_the_panel_in_both_themes(opened, scheme):
    page = opened(scheme=scheme)
    ratios = page.evaluate(
        f"""() => {{
          {COLOURS}
          return [...document.querySelectorAll('.panels path.curve')]
            .map((path) => ratio(getComputedStyle(path).stroke, back(path)));
        }}"""
    )

    assert len(ratios) == 4
    assert min(ratios) >= 3


def test_dark_theme_is_dark(opened):
    back = opened(scheme="dark").evaluate("getComputedStyle(document.body).backgroundColor")

    assert max(int(part) for part in back[4:-1].split(",")) < 64


def test_heat_map_is_read_out_with_its_name_and_heads(opened):
    page = opened()
    quality = page.get_by_role("table", name="Quality: F1@5 over all questions")

    assert quality.get_by_role("rowheader", name="2019-06").is_visible()
    assert quality.get_by_role("columnheader", name="06").is_visible()
    assert page.get_by_role("list", name="Legend: F1@5 from low to high").is_visible()


def test_every_picture_is_read_out_with_its_name(opened):
    page = opened()

    for name in ("Every month", "Every quarter", "When drift is found", "Never"):
        assert page.get_by_role("img", name=name).is_visible()


def test_paper_shows_what_the_screen_folds_away(opened):
    page = opened()
    page.emulate_media(media="print", color_scheme="dark")

    assert page.get_by_text("The curves as a table").first.is_hidden()
    assert page.get_by_role("table", name="F1@5 with its 95 % interval").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


def test_page_asks_nobody_for_anything(opened, address):
    page = opened()

    assert [url for url in page.requested if not url.startswith("data:")] == [address]
