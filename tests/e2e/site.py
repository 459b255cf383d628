"""The site under test, as a browser reaches it, and a person's visit to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings

from tests.workers import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS: dict[str, ViewportSize] = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


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
