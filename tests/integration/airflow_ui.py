"""A person at Airflow's UI, in headless Chromium: finds things by what they are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from include.local_stack.machine import LoadMeter

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Locator, Page

PATIENCE_MS = 60_000
"""Milliseconds for one step in the browser on a quiet machine; a busy one gets more."""


class AirflowUi:
    """What a person does in Airflow's UI, once logged in."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url
        self._meter = LoadMeter()
        self.be_patient()

    def be_patient(self) -> None:
        """Give the next steps the time that they take on this machine now."""
        self.page.context.set_default_timeout(PATIENCE_MS * self._meter.measure().factor)

    def open_dag(self, dag_id: str) -> None:
        """Find a DAG in the list and open it."""
        self.be_patient()
        self.page.goto(f"{self._url}/dags")
        self.page.get_by_role("link", name=dag_id, exact=True).first.click()
        self.page.get_by_role("heading", name=dag_id).wait_for()

    def ask_for_backfill(
        self, first_day: str, last_day: str, *, candidate: str, at_once: int
    ) -> None:
        """Fill in the backfill dialog of the open DAG and run it; days as ``YYYY/MM/DD``."""
        self.page.get_by_role("button", name="Trigger").first.click()
        dialog = self.page.get_by_role("dialog").filter(has=self.page.get_by_role("radiogroup"))
        dialog.get_by_text("Backfill", exact=True).click()
        dialog.get_by_role("heading", name="Run Backfill").wait_for()
        for name, day in (("From", first_day), ("To", last_day)):
            self._pick_day(name, day)
        dialog.locator("input[name=max_active_runs]").fill(str(at_once))
        self._choose_candidate(dialog, candidate)
        dialog.get_by_role("button", name="Run Backfill").click()
        dialog.wait_for(state="detached")

    def shown_runs(self) -> list[str]:
        """Open the tab with the open DAG's runs and return what each row says."""
        self.be_patient()
        self.page.get_by_role("link", name="Runs", exact=True).click()
        rows = self.page.get_by_role("row").filter(has_text="__")  # neither heads nor placeholders
        rows.first.wait_for()
        return [" ".join(row.split()) for row in rows.all_inner_texts()]

    def open_tab(self, name: str) -> FrameLocator:
        """Open a tab of the open DAG that frames a page, and return the page."""
        self.page.get_by_role("link", name=name).last.click()
        return self.page.frame_locator(f"iframe[title='{name}']")

    def open_from_menu(self, name: str) -> FrameLocator:
        """Open a page of Airflow's menu, and return what it frames."""
        self.page.goto(self._url)
        self.page.get_by_role("link", name=name).first.click()
        return self.page.frame_locator(f"iframe[title='{name}']")

    def _pick_day(self, name: str, day: str) -> None:
        """Write a day into the little calendar that opens under ``name``, at midnight UTC."""
        group = self.page.get_by_role("group").filter(has_text=name)
        group.get_by_text("Select date and time").click()
        calendar = self.page.get_by_role("dialog").filter(
            has=self.page.get_by_placeholder("YYYY/MM/DD")
        )
        calendar.get_by_placeholder("YYYY/MM/DD").fill(day)
        calendar.get_by_placeholder("HH:mm").fill("00:00")
        self.page.keyboard.press("Escape")
        calendar.wait_for(state="hidden")

    def _choose_candidate(self, dialog: Locator, candidate: str) -> None:
        """Take the proposed candidate out and put one in; without the tick Airflow ignores both."""
        dialog.get_by_text("Override parameters on existing runs").click()
        box = dialog.get_by_role("combobox").first
        box.press("Backspace")
        box.fill(candidate)
        self.page.get_by_role("option", name=candidate).click()


@contextmanager
def person_at(
    browser: Browser, environment: Mapping[str, str], pictures: Path
) -> Iterator[AirflowUi]:
    """Log a person in to a running stack's Airflow; a failure leaves a picture of what they saw."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, timezone_id="UTC")
    page = context.new_page()
    try:
        ui = AirflowUi(page, environment["AIRFLOW_URL"])
        page.goto(environment["AIRFLOW_URL"])
        page.get_by_label("Username").fill(environment["AIRFLOW_USER"])
        page.get_by_label("Password").fill(environment["AIRFLOW_PASSWORD"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Dags", exact=True).wait_for()
        yield ui
    except Exception:
        page.screenshot(path=pictures / "seen.png")
        raise
    finally:
        context.close()
