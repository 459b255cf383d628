"""What a person does in the browser to get somewhere, by the browser's events.

Clicks, fields typed into, pages that opened, and mailboxes in which something was looked for.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from playwright.sync_api import Frame

from tests.e2e.site import Visit

#: Trusted events alone: those of a script are no effort. Enter in a field clicks its form's button, as a browser does.
_LISTEN = """
    addEventListener("click", (event) => event.isTrusted && noteEffort("click", ""), true);
    addEventListener("input", (event) => event.isTrusted && noteEffort("field", event.target.name), true);
"""


class Bounds(NamedTuple):
    """The most that a way may ask for."""

    clicks: int
    fields: int
    pages: int
    mailboxes: int


@dataclass
class Effort:
    """The effort so far, in one tab or in several."""

    clicks: int = 0
    fields: set[str] = field(default_factory=set)
    #: Paths in the order in which they opened; a page that answers a form at the same path is the same page.
    pages: list[str] = field(default_factory=list)
    mailboxes: set[str] = field(default_factory=set)

    def note(self, kind: str, name: str) -> None:
        if kind == "click":
            self.clicks += 1
        else:
            self.fields.add(name)

    def note_page(self, frame: Frame) -> None:
        path = frame.url.split("#")[0].split("?")[0]
        # Redirections and the blank page of a new tab are seen by nobody.
        if frame.parent_frame is None and path.startswith("http") and self.pages[-1:] != [path]:
            self.pages.append(path)

    def open_mailbox(self, address: str) -> None:
        """Count the mailbox, once, and the click on the e-mail's link."""
        self.mailboxes.add(address)
        self.clicks += 1

    def measure(self) -> Bounds:
        return Bounds(self.clicks, len(self.fields), len(self.pages), len(self.mailboxes))

    def assert_within(self, bounds: Bounds) -> None:
        measured = self.measure()
        over = [name for name in Bounds._fields if getattr(measured, name) > getattr(bounds, name)]
        assert not over, f"{measured}, {bounds} at most; {sorted(self.fields)}; {self.pages}"


def count_effort(visit: Visit, effort: Effort | None = None) -> Effort:
    """Count what is done in the tab from its next page on; in `effort`, what was done in another tab."""
    effort = effort or Effort()
    visit.page.context.expose_binding("noteEffort", lambda _source, kind, name: effort.note(kind, name))
    visit.page.add_init_script(_LISTEN)
    visit.page.on("framenavigated", effort.note_page)
    return effort
