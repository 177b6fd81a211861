"""The report in a real browser: it asks for nothing, runs without a fault, fits a phone, and its tables sort."""

import pytest

from simulate.report import page
from simulate.report.report import read_report
from tests.simulate.chromium import BROWSER, Chromium
from tests.simulate.example_run import example_run

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium (apt-get install chromium)")
WIDTHS = {"desk": 1280, "phone": 390}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    (folder / "report.html").write_text(page.render(read_report(example_run(folder))), "utf-8")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(params=WIDTHS)
def shown(request, browser, file):
    browser.open(file, WIDTHS[request.param])
    return browser


def test_the_page_asks_for_nothing_and_logs_no_fault(shown, file):
    asked = [event["request"]["url"] for event in shown.seen("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert shown.seen("Log.entryAdded") == []
    assert shown.seen("Runtime.exceptionThrown") == []


def test_nothing_sticks_out_of_the_window(shown):
    assert shown.value("document.documentElement.scrollWidth") <= shown.value("window.innerWidth")


def test_every_figure_is_drawn_and_every_link_leads_somewhere(shown):
    assert shown.value("document.images.length") > 8
    assert shown.value("[...document.images].filter(i => !i.complete || !i.naturalWidth).length") == 0
    assert (
        shown.value("[...document.querySelectorAll('nav a')].filter(a => !document.querySelector(a.hash)).length") == 0
    )


def test_a_click_on_a_heading_sorts_its_table_and_a_second_one_turns_it(shown):
    cells = "[...document.querySelectorAll('#energy tbody')[0].rows].map(row => parseFloat(row.cells[{}].textContent))"
    click = "document.querySelectorAll('#energy thead')[0].rows[0].cells[5].click()"
    before = shown.value(cells.format(5))
    assert len(set(before)) > 2
    shown.value(click)
    assert shown.value(cells.format(5)) == sorted(before, reverse=True)
    shown.value(click)
    assert shown.value(cells.format(5)) == sorted(before)
