"""The checks judge the page that was asked for, however slowly it comes."""

import time

import pytest

from tests.e2e import page_checks


@pytest.mark.journey
def test_a_page_that_comes_slowly_is_the_one_that_is_judged(committing, site, live_server, monkeypatch):
    judged = []
    monkeypatch.setattr(page_checks, "_page_problems", lambda page: judged.append(page.title()) or [])
    server = live_server.thread.httpd
    application = server.get_app()

    def slow(environ, start_response):
        if environ["PATH_INFO"] == "/faq/":
            time.sleep(1.5)
        return application(environ, start_response)

    server.set_app(slow)
    visit = site.person()
    page = visit.open("/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<a id=lente href=/faq/>Lente</a>')")
    page.locator("#lente").click()
    assert page_checks.find_problems(visit) == []
    assert judged[-1] == page.title()
    assert page.url.endswith("/faq/")
