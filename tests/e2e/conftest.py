"""A real browser at a real server, with a real mail server and a real worker, on the test database.

One browser serves all tests of a process, each in a fresh context. Playwright keeps an event loop running in the thread
that started it. There Django opens connections of their own and, unless told, refuses its ORM: so the browser's tests
are a pytest call of their own, in which the loop runs from the beginning.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.site import TIMEOUT_S, Site
from tests.smtp_sink import RecordingSink
from tests.waits import wait_for_exit
from tests.workers import ROOT, build_environment

HERE = Path(__file__).resolve().parent
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
_PLAYWRIGHT = pytest.StashKey()


def pytest_sessionstart(session):
    """Start the loop of the browser before a connection to the database is opened."""
    config = session.config
    if CHROMIUM is None or (config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")):
        return  # absent, or the process that only shares the tests out
    # The loop runs in the tests' thread; their ORM calls are synchronous nevertheless.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=TIMEOUT_S * 1000)
    config.stash[_PLAYWRIGHT] = sync_playwright().start()


def pytest_sessionfinish(session):
    """Stop the loop, and the browser with it."""
    if playwright := session.config.stash.get(_PLAYWRIGHT, None):
        playwright.stop()


def pytest_collection_modifyitems(items):
    """Mark what lies here, and skip it where there is no browser unless one is required."""
    ours = [item for item in items if HERE in Path(item.path).parents]
    if ours and len(ours) < len(items):
        raise pytest.UsageError("The browser's tests are a call of their own: pytest tests/e2e")
    for item in ours:
        item.add_marker(pytest.mark.e2e)
        if CHROMIUM is None and os.environ.get("REQUIRE_BROWSER") != "1":
            item.add_marker(pytest.mark.skip(reason="Chromium is absent: apt-get install chromium-headless-shell"))


@pytest.fixture(scope="session")
def _browsers() -> list[Browser]:
    """The browser of this process, and before it those that a test brought down."""
    return []


@pytest.fixture
def browser(pytestconfig, _browsers) -> Browser:
    """Chromium, the same for all tests of this process."""
    if CHROMIUM is None:
        pytest.fail("REQUIRE_BROWSER is 1 and Chromium is absent.")
    if not _browsers or not _browsers[-1].is_connected():
        chromium = pytestconfig.stash[_PLAYWRIGHT].chromium
        _browsers.append(chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True))
    return _browsers[-1]


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
def mail() -> Iterator[RecordingSink]:
    """A real mail server that keeps what it is given."""
    with RecordingSink() as sink:
        yield sink


@pytest.fixture
def worker(committing, mail, site) -> Iterator[None]:
    """A worker process on the test database, which sends to `mail`, for as long as the test lasts."""
    command = [sys.executable, str(ROOT / "manage.py"), "worker"]
    process_environment = build_environment(SMTP_PORT=str(mail.port), PUBLIC_PORT=str(site.port))
    with subprocess.Popen(command, env=process_environment) as process:  # noqa: S603 - our own command
        yield
        process.terminate()
        wait_for_exit(process)
