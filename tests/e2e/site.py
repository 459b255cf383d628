"""The site under test, as a browser reaches it, and a person's visit to it."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field

from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.workers import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
#: Seconds that an action of the browser may take.
TIMEOUT_S = 20
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
        context.set_default_timeout(TIMEOUT_S * 1000)
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
    #: Documents shown so far, and requests for the next one.
    documents: int = 0
    requested: set[Request] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("request", self._note_request)
        self.page.on("requestfailed", self._forget_request)
        self.page.on("domcontentloaded", self._note_document)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message) -> None:
        # Responses such as 404 or 422 also log to the console; they are tested where intended.
        if message.type in ("error", "warning") and "the server responded with a status of" not in message.text:
            self.complaints.append(message.text)

    def _note_request(self, request: Request) -> None:
        if request.is_navigation_request() and request.frame == self.page.main_frame:
            self.requested.add(request)

    def _forget_request(self, request: Request) -> None:
        # Playwright marks the functions it calls, which those of a set do not bear.
        self.requested.discard(request)

    def _note_document(self, _page: Page) -> None:
        self.documents += 1
        self.requested.clear()

    def settle(self) -> int:
        """Wait for the document that a click asked for; return how many were shown so far.

        A click returns once the browser has it, not once its link or form is followed.
        """
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            # A task of the page later, what it asked for is known here.
            with contextlib.suppress(PlaywrightError):
                self.page.evaluate("new Promise((done) => setTimeout(done, 20))")
            if not self.requested:
                self.page.wait_for_load_state()
                return self.documents
            with contextlib.suppress(PlaywrightTimeout):
                self.page.wait_for_event("domcontentloaded", timeout=100)
        raise AssertionError(f"The page after {self.page.url} did not come within {TIMEOUT_S} s.")

    def open(self, path: str = "/", *, slug: str = "") -> Page:
        """Go to a page and return it."""
        self.page.goto(self.site.url(path, slug=slug))
        return self.page

    def open_link(self, path: str, *, slug: str = "", scripts: bool = True) -> Page:
        """Follow the link of an e-mail, and return the page that it leads to; without scripts it is pasted."""
        self.open(path, slug=slug)
        field = self.page.get_by_label("Collez ici le lien de l’e-mail")
        if scripts:
            field.wait_for(state="detached")
        else:
            field.fill(self.site.url(path, slug=slug))
            self.page.get_by_role("button", name="Continuer").click()
        self.page.wait_for_load_state()
        return self.page
