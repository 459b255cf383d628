"""A real browser at a real server, with a real mail server and a real worker, on the test database.

The browser lives as long as one test: Playwright keeps an event loop running in the thread that started it, and
Django would refuse its ORM to every test that came after in the same process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections
from playwright.sync_api import sync_playwright

from sites.demo.smtp_sink import SmtpSink
from tests.e2e.site import Site
from tests.workers import ROOT, build_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

#: The headless shell first: the same engine, a quarter less work.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Resolve every host of the portal to this machine.
    f"--host-resolver-rules=MAP *.{settings.BASE_DOMAIN} 127.0.0.1, MAP {settings.BASE_DOMAIN} 127.0.0.1",
]


def pytest_collection_modifyitems(items):
    """Mark what lies here, keep it in one process, and skip it where there is no browser unless one is required."""
    here = Path(__file__).resolve().parent
    for item in items:
        if here not in Path(item.path).parents:
            continue
        item.add_marker(pytest.mark.e2e)
        item.add_marker(pytest.mark.xdist_group("e2e"))
        # Two processes, a browser and two workers share two cores: what fails once is told, and fails if it does again.
        item.add_marker(pytest.mark.flaky(reruns=1))
        if CHROMIUM is None and os.environ.get("REQUIRE_BROWSER") != "1":
            item.add_marker(pytest.mark.skip(reason="Chromium is absent: apt-get install chromium-headless-shell"))


@pytest.fixture
def browser(monkeypatch) -> Iterator[Browser]:
    """Chromium, for one test."""
    if CHROMIUM is None:
        pytest.fail("REQUIRE_BROWSER is 1 and Chromium is absent.")
    # Playwright runs an event loop in the test's thread; its ORM calls are synchronous nevertheless.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield chromium
        chromium.close()
        # While the loop runs Django opens separate connections for this thread: close them with it.
        connections.close_all()


@pytest.fixture
def site(live_server, browser, settings, monkeypatch) -> Iterator[Site]:
    """The site, served from threads of this process that keep no database connection."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    settings.PUBLIC_PORT = str(live_server.thread.port)
    site = Site(live_server.thread.port, browser)
    # The production WSGI app: Django's static handler, which wraps it here, disables caching and looks up each file.
    server = live_server.thread.httpd
    original_app = server.get_app()
    server.set_app(get_wsgi_application())
    yield site
    for context in site.contexts:
        context.close()
    server.set_app(original_app)


@pytest.fixture
def mail() -> Iterator[SmtpSink]:
    """A real mail server that keeps what it is given."""
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def worker(committing, mail, site) -> Iterator[None]:
    """A worker process on the test database, which sends to `mail`, for as long as the test lasts."""
    command = [sys.executable, str(ROOT / "manage.py"), "worker"]
    process_environment = build_environment(SMTP_PORT=str(mail.port), PUBLIC_PORT=str(site.port))
    with subprocess.Popen(command, env=process_environment) as process:  # noqa: S603 - our own command
        yield
        process.terminate()
        process.wait(timeout=30)
