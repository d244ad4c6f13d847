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
pytestmark = [needs_browser, pytest.mark.slow]

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

    # The rows of the table are made alike: a few of them stand for all. Nothing else is printed.
    browser.execute_script(
        "const s = document.createElement('style'); s.id = 'few';"
        "s.textContent = '#statistics tbody tr:nth-child(n + 30), "
        "main section:not(:has(#statistics)) { display: none }';"
        "document.head.append(s);"
    )
    made = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    browser.execute_script("document.getElementById('few').remove()")
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


# --- the card of a number -------------------------------------------------------------------

_FIRST = "document.querySelector('main p a.stat[data-kind=\"apa\"]')"


@pytest.fixture
def page(browser):
    browser.execute_script(
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}));"
        f"{_FIRST}.scrollIntoView({{block: 'center'}}); document.activeElement.blur();"
    )
    return browser


def _card(driver) -> str | None:
    from selenium.webdriver.support.wait import WebDriverWait

    shown = "document.querySelector('#card:popover-open')"
    WebDriverWait(driver, 10).until(lambda d: d.execute_script(f"return !!{shown}"))
    return driver.execute_script(f"return {shown}.innerText")


def _of_first(finished, driver):
    from report.audit.finished import load_finished

    anchor = driver.execute_script(f"return {_FIRST}.hash.slice(1)")
    return next(e for e in load_finished(finished).ledger if e.anchor == anchor)


def test_a_number_under_the_mouse_opens_its_card(page, finished):
    from selenium.webdriver.common.action_chains import ActionChains

    link = page.execute_script(f"return {_FIRST}")
    ActionChains(page).move_to_element(link).perform()
    text = _card(page)
    assert _of_first(finished, page).label in text
    assert all(word in text for word in ("Estimate", "Decision", "Evidence", "\\statvalue"))


def test_the_keyboard_opens_the_card_steps_into_it_and_escapes(page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    page.execute_script(
        f"const a = {_FIRST}; a.before(Object.assign(document.createElement('span'),"
        " {tabIndex: 0, id: 'before'})); document.getElementById('before').focus();"
    )
    ActionChains(page).send_keys(Keys.TAB).perform()
    assert _card(page)
    ActionChains(page).send_keys(Keys.TAB).perform()
    assert page.execute_script("return document.activeElement.closest('#card') !== null")
    ActionChains(page).send_keys(Keys.ESCAPE).perform()
    assert page.execute_script(
        f"return document.getElementById('card') === null && document.activeElement === {_FIRST}"
    )
    page.execute_script("document.getElementById('before').remove()")


def test_a_tap_opens_the_card_and_stays_where_it_is(page):
    before = page.execute_script("return location.hash")
    page.execute_script(
        f"const a = {_FIRST};"
        "a.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true, pointerType: 'touch'}));"
        "a.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));"
    )
    assert _card(page)
    assert page.execute_script("return location.hash") == before


def test_a_filter_leaves_the_rows_of_its_value(page):
    count = "return document.querySelectorAll('#statistics tbody th[scope=row]').length"
    everything = page.execute_script(count)
    page.execute_script(
        "const s = [...document.querySelectorAll('.filters label')]"
        ".find((l) => l.firstChild.textContent === 'Decision').querySelector('select');"
        "s.value = 'survives'; s.dispatchEvent(new Event('change'));"
    )
    words = page.execute_script(
        "return [...document.querySelectorAll('#statistics tbody th[scope=row]')]"
        ".map((h) => h.parentElement.cells[7].textContent)"
    )
    assert set(words) == {"survives"}
    page.execute_script("document.querySelector('.filters button').click()")
    assert page.execute_script(count) == everything


def test_on_a_phone_the_page_does_not_scroll_sideways(page):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
    )
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(
    ("scheme", "only"),  # in the dark nothing changes but colours
    [("light", ""), ("dark", ", runOnly: ['color-contrast', 'link-in-text-block']")],
)
def test_axe_finds_nothing(browser, scheme, only):
    from importlib.resources import files

    pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.execute_script(
        "document.querySelectorAll('#statistics tbody tr:nth-child(n + 30)')"
        ".forEach((row) => row.remove());"
        + (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
    )
    found = browser.execute_async_script(
        f"axe.run({{resultTypes: ['violations']{only}}}).then((r) => arguments[0]("
        "r.violations.map((v) => [v.id, ...v.nodes.map((n) => n.html.slice(0, 200))])))"
    )
    assert found == []
