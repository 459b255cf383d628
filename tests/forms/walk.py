"""A walk through pages that sends each form once, and notes the names that no view reads."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.urls import resolve

from tests.forms.page_forms import SOURCE, Control, PageForm, Target, read_page
from tests.forms.submission import submit
from tests.forms.template_tags import find_walk, list_places
from tests.host_client import HostClient

type Values = dict[str, list[str]]

#: Names that no view reads, with the reason.
NEVER_READ = {
    "csrfmiddlewaretoken": "Django's middleware reads it, which the test client spares",
    "allocate": "crispy-forms gives every submit button a name",
}
#: Names that are sent no hostile values, with the reason.
NEVER_HOSTILE = {
    "_selected_action": "Django's admin takes the value of its boxes for a number; the operator alone is there"
}
#: What no person types: longer than any field, and larger than any column.
HOSTILE_VALUES = ("é" * 50_000, "9" * 40)
#: Letters of a value in a query: a longer one is cut by every server.
QUERY_LETTERS = 4_000
_PLACE = re.compile(rf'{SOURCE}="([^"]*)"')
_PAGE_STATUSES = {200, 409, 422}


@dataclass
class FormWalk:
    """The walk: what it saw, and what it found."""

    #: Whether to leave out the forms that libraries write whole.
    only_ours: bool = False
    #: Places in templates of the forms and controls that were shown.
    places: set[str] = field(default_factory=set)
    #: A sentence for each control whose name the view does not read.
    unread: set[str] = field(default_factory=set)
    sent: set[Any] = field(default_factory=set)

    def list_faults(self, walk: str) -> list[str]:
        """Return what no view reads, and what no page showed of the templates that this walk is named for."""
        unseen = {place for place in list_places() - self.places if find_walk(place) == walk}
        return sorted(self.unread) + [f"{place}: no page of the walk shows it" for place in sorted(unseen)]

    def open(self, browser: HostClient, path: str, *, typed: dict[str, Any] | None = None, **parameters: Any) -> Any:
        """Open a page, and send its forms, as they are and with what a person or a script puts in."""
        return self.read(browser, browser.follow_link(path, **parameters), typed=typed)

    def post(self, browser: HostClient, path: str, data: dict[str, Any], **parameters: Any) -> Any:
        """Post what leads to a page, and send the forms of that page."""
        return self.read(browser, browser.post(path, data, follow=True, **parameters))

    def read(self, browser: HostClient, answer: Any, *, typed: dict[str, Any] | None = None) -> Any:
        """Send the forms of a page that was answered."""
        url = answer.request["PATH_INFO"]
        if answer.request["QUERY_STRING"]:
            url += "?" + answer.request["QUERY_STRING"]
        assert answer.status_code in _PAGE_STATUSES, f"{url} → {answer.status_code} {answer.get('Location', '')}"
        html = answer.content.decode()
        self.places |= set(_PLACE.findall(html))
        page = read_page(html, url)
        for form in page.forms:
            if form.source or not self.only_ours or any(one.source for one in [*form.controls, *form.buttons]):
                self._send_form(browser, url, form, typed or {})
        for control in page.senders:
            if control.source or not self.only_ours:
                self._send(browser, url, [control.own], [control], [{control.name: [control.value]}])
        for target, controls in page.including:
            self._send(browser, url, [target], controls, [{control.name: [control.value] for control in controls}])
        return answer

    def _send_form(self, browser: HostClient, url: str, form: PageForm, typed: dict[str, Any]) -> None:
        buttons = form.buttons or [Control("", "submit")]
        ways = []
        for filled in (False, True):
            values = form.values(filled=filled) | (typed if filled else {})
            ways += [values | ({button.name: [button.value]} if button.name else {}) for button in buttons]
        named = [*form.controls, *(button for button in buttons if button.name)]
        by_view = defaultdict(dict)
        for target in form.targets:
            by_view[find_view(browser, urljoin(url, target.url))][target] = None
        for targets in by_view.values():
            self._send(browser, url, list(targets), named, ways)

    def _send(
        self, browser: HostClient, url: str, targets: list[Target], controls: list[Control], ways: list[Values]
    ) -> None:
        """Send to one view, by htmx and without, in these ways, until every name was read.

        Once for the view and the places of the controls: a row of a table has the forms of the one above.
        """
        view = find_view(browser, urljoin(url, targets[0].url))
        names = {control.name for control in controls} - NEVER_READ.keys()
        places = frozenset((control.name, control.source) for control in controls)
        buttons = frozenset((one.name, one.value) for one in controls if one.submits)
        sending = (view, places, buttons)
        if sending in self.sent:
            return
        self.sent.add(sending)
        files = [control.name for control in controls if control.kind == "file"]
        for target, way in product(targets, ways):
            if names:
                read, status = submit(browser, url, target, way, files)
                assert status < 500, (url, view)
                names -= read
        self._send_hostile(browser, url, targets[0], controls, ways[-1])
        where = {control.name: control.source or url for control in controls}
        self.unread |= {f"{where[name]}: {view} does not read « {name} »" for name in names}

    def _send_hostile(
        self, browser: HostClient, url: str, target: Target, controls: list[Control], values: Values
    ) -> None:
        """Send to each view each name once with what is too long for any field, and too large for any column."""
        view = find_view(browser, urljoin(url, target.url))
        names = {control.name for control in controls if control.kind != "file" and control.name}
        names -= NEVER_READ.keys() | NEVER_HOSTILE.keys()
        new = {name for name in names if (view, name) not in self.sent}
        self.sent |= {(view, name) for name in new}
        for name, hostile in product(sorted(new), HOSTILE_VALUES):
            typed = hostile[:QUERY_LETTERS] if target.method == "get" else hostile
            _, status = submit(browser, url, target, values | {name: [typed]})
            assert status < 500, (url, target, name, hostile[:10])


def find_view(browser: HostClient, address: str) -> str:
    """Return the name of the view behind an address of the browser's host."""
    urlconf = settings.PUBLIC_SCHEMA_URLCONF if browser.host == settings.BASE_DOMAIN else settings.ROOT_URLCONF
    return resolve(urlsplit(address).path, urlconf).view_name
