"""The table of statistics in a real browser: sorted by each column, and on paper."""

from __future__ import annotations

import base64
import io
import re
import shutil

import pytest

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
needs_browser = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="chromium and chromedriver are not installed",
)
pytestmark = needs_browser

NUMBERS = ("n", "Estimate", "CI", "p", "Floor", "Adjusted p", "m")


@pytest.fixture(scope="module")
def browser(finished):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.wait import WebDriverWait

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.binary_location = str(shutil.which("chromium"))
    driver = webdriver.Chrome(options, Service(str(shutil.which("chromedriver"))))
    try:
        driver.get((finished / "report.html").as_uri())
        WebDriverWait(driver, 60).until(
            lambda d: d.execute_script("return !!document.querySelector('#statistics .dt-search')")
        )
        yield driver
    finally:
        driver.quit()


_COLUMN = """
const heads = [...document.querySelectorAll('#statistics thead tr:first-child th')];
const plain = (h) => (h.querySelector('.dt-column-title') ?? h).textContent.trim();
const at = heads.findIndex((h) => plain(h) === arguments[0]);
"""


def _sorted(driver, header: str, wanted: str) -> list[str]:
    """Sort by a column through the page's own button; return the cells' orders."""
    from selenium.webdriver.support.wait import WebDriverWait

    def state() -> str | None:
        return driver.execute_script(f"{_COLUMN} return heads[at].ariaSort", header)

    for _ in range(3):
        before = state()
        if before == wanted:
            break
        driver.execute_script(
            f"{_COLUMN} heads[at].querySelector('.dtcc-button_order').click()", header
        )
        WebDriverWait(driver, 20).until(lambda _, old=before: state() != old)
    assert state() == wanted
    rows = "[...document.querySelectorAll('#statistics tbody tr')]"
    return driver.execute_script(
        f"{_COLUMN} return {rows}.map((r) => r.cells[at].dataset.order)", header
    )


@pytest.mark.parametrize("header", NUMBERS)
@pytest.mark.parametrize("direction", ["ascending", "descending"])
def test_each_column_of_numbers_is_sorted_by_value_and_missing_ones_are_last(
    browser, header, direction
):
    orders = _sorted(browser, header, direction)
    assert None not in orders
    values = [float(order) for order in orders if order != ""]
    assert len(values) > 10
    assert orders[: len(values)] == [order for order in orders if order != ""]
    assert values == sorted(values, reverse=direction == "descending")


def test_on_paper_the_table_shows_p_and_adjusted_p(browser):
    from pypdf import PdfReader

    made = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    reader = PdfReader(io.BytesIO(base64.b64decode(made["data"])))
    page = next(
        p for p in reader.pages
        if re.search(r"Estimate\s+CI\s+p\s+Floor\s+Adjusted\s+p", p.extract_text())
    )  # fmt: skip
    right = float(page.mediabox.right)
    places: list[tuple[str, float]] = []
    page.extract_text(
        visitor_text=lambda text, cm, tm, *_: places.append((text, tm[4] * cm[0] + cm[4]))
    )
    heads = {
        text.strip(): x for text, x in places if text.strip() in ("Floor", "Adjusted", "Decision")
    }
    assert heads
    assert all(0 < x < right for x in heads.values())
