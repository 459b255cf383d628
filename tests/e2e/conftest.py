"""A real browser at a real server, with a real mail server and a real worker, on the test database.

The browser lives as long as one test: Playwright keeps an event loop running in the thread that started it, and
Django would refuse its ORM to every test that came after in the same process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections
from playwright.sync_api import sync_playwright

from sites.demo.smtp_sink import SmtpSink
from tests.workers import build_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

ROOT = Path(__file__).resolve().parent.parent.parent
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
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
WIDTHS: dict[str, ViewportSize] = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


def pytest_collection_modifyitems(items):
    """Mark what lies here, keep it in one process, and skip it where there is no browser unless one is required."""
    here = Path(__file__).resolve().parent
    for item in items:
        if here not in Path(item.path).parents:
            continue
        item.add_marker(pytest.mark.e2e)
        item.add_marker(pytest.mark.xdist_group("e2e"))
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


@dataclass
class Site:
    """The server under test, as a browser reaches it."""

    port: int
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)

    def url(self, path: str = "/", *, slug: str = "") -> str:
        """Return the address of a page of the portal, or of the office called `slug`."""
        host = f"{slug}.{settings.BASE_DOMAIN}" if slug else settings.BASE_DOMAIN
        return f"http://{host}:{self.port}{path}"

    def person(self, *, width: str = "wide", scripts: bool = True, session: str = "", slug: str = "") -> Visit:
        """Return a fresh browser profile with its own cookies; `session` signs it in at one host."""
        # `bypass_csp` stays off: the pages run under our strict CSP.
        context = self.browser.new_context(
            viewport=WIDTHS[width],
            java_script_enabled=scripts,
            locale="fr-FR",
            timezone_id="Europe/Paris",
            # Else axe measures colours halfway through a transition.
            reduced_motion="reduce",
        )
        context.set_default_timeout(20_000)
        self.contexts.append(context)
        if session:
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.url("/", slug=slug)}]
            )
        return Visit(self, context.new_page())


@dataclass
class Visit:
    """A person's tab, which records console errors."""

    site: Site
    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message) -> None:
        # Responses such as 404 or 422 also log to the console; they are tested where intended.
        if message.type in ("error", "warning") and "the server responded with a status of" not in message.text:
            self.complaints.append(message.text)

    def open(self, path: str = "/", *, slug: str = "") -> Page:
        """Go to a page and return it."""
        self.page.goto(self.site.url(path, slug=slug))
        return self.page


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
