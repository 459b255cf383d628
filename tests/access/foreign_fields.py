"""Names rows of another office in each parameter and field of pages, and of the API: whatever views and forms read."""

import copy
import datetime
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from tests.access.filled_office import FIRST_ID, NOBODYS_FIRST_ID
from tests.access.foreign_ids import ForeignIds
from tests.api.client import ApiClient
from tests.api.routes import ApiRoute
from tests.api.samples import SAMPLES
from tests.api.schema_check import find_operation
from tests.forms.page_forms import Control, Target
from tests.forms.submission import submit
from tests.forms.walk import NEVER_READ, FormWalk, find_view
from tests.host_client import HostClient

type Values = dict[str, list[str]]

_DIGITS = re.compile(r"\d+")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBERED_NAME = re.compile(r"(?<=\D)\d+$")


class ForeignFields(FormWalk):
    """The walk of forms, which names rows of another office in each field, and in each parameter that a page reads."""

    def __init__(self, walk: ForeignIds) -> None:
        super().__init__()
        self.walk = walk
        #: What was asked: the view and the name, « ? » before a parameter of a query.
        self.asked: set[tuple[str, str]] = set()
        # The last: a query of another page, which bulk actions keep.
        more = [*walk.ids.uais, *walk.ids.texts, f"pool={FIRST_ID}&import={FIRST_ID}"]
        self._all = [*map(str, walk.ids.numbers), *more]

    def read(self, browser: HostClient, answer: Any, *, typed: dict[str, Any] | None = None) -> Any:
        if answer.request["REQUEST_METHOD"] == "GET":
            self.ask_parameters(browser, f"{answer.request['PATH_INFO']}?{answer.request['QUERY_STRING']}")
        return super().read(browser, answer, typed=typed)

    def ask_parameters(self, browser: HostClient, address: str) -> None:
        """Ask with each parameter that the view of an address reads, beside those that the address has."""
        path, query = address.partition("?")[::2]
        values, view = parse_qs(query), find_view(browser, path)
        names, _ = submit(browser, path, Target("get", path), values)
        for name in sorted(names - NEVER_READ.keys()):
            if (view, f"?{name}") not in self.asked:
                self.asked.add((view, f"?{name}"))
                self._ask(browser, Target("get", path), values, name)

    def _send(
        self, browser: HostClient, url: str, targets: list[Target], controls: list[Control], ways: list[Values]
    ) -> None:
        """Ask with each control, and each button of the form, once for the view."""
        view = find_view(browser, urljoin(url, targets[0].url))
        names = {one.name for one in controls if one.name and one.kind != "file"} - NEVER_READ.keys()
        buttons = {one.name for one in controls if one.submits}
        # The second half of the ways has every field filled.
        for values in ways[len(ways) // 2 :]:
            pressed = tuple(_DIGITS.sub("#", f"{name}={values[name]}") for name in sorted(buttons & values.keys()))
            for name in sorted(names):
                sending = (view, _DIGITS.sub("#", name), pressed, targets[0].method)
                if sending not in self.sent:
                    self.sent.add(sending)
                    self.asked.add((view, name if targets[0].method == "post" else f"?{name}"))
                    # By htmx and without, in turn.
                    target = targets[len(self.sent) % len(targets)]
                    self._ask(browser, target._replace(url=urljoin(url, target.url)), values, name)

    def _ask(self, browser: HostClient, target: Target, values: Values, name: str) -> None:
        own = values.get(name, [])
        what = f"{target.method} {target.url}, {name}"

        def send(sent: Values) -> Callable[[], Any]:
            return partial(self._submit, browser, target, {**values, **sent})

        # The number of a row in nearly every table, beside the form's own: the last is all that many fields read.
        theirs, nobodys = (send({name: [*own, str(number)]}) for number in (FIRST_ID, NOBODYS_FIRST_ID))
        self.walk.compare(what, theirs, nobodys)
        self.walk.ask(f"{what} of everything", send({name: self._all}), None)
        if _NUMBERED_NAME.search(name):
            # The field of a row: of a row of theirs.
            renamed = [_NUMBERED_NAME.sub(str(number), name) for number in (FIRST_ID, NOBODYS_FIRST_ID)]
            self.walk.compare(f"{what} renamed", *(send({one: own or ["1"]}) for one in renamed))

    def _submit(self, browser: HostClient, target: Target, values: Values) -> Any:
        url = urlsplit(target.url)
        headers = {"HX-Request": "true"} if target.htmx else {}
        cookies = copy.deepcopy(browser.cookies)
        try:
            if target.method == "get":
                return browser.get(url.path, values, headers=headers)
            return browser.post(f"{url.path}?{url.query}", values, headers=headers)
        finally:
            browser.cookies = cookies


def iter_api_requests(client: ApiClient, route: ApiRoute, path: str) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Yield each parameter, and each number of a body, of a described address: what it is, and what sends a number."""
    _, described = find_operation(route.method, f"/api/v1{path}")
    for parameter in described.get("parameters", ()):
        schema, name = parameter["schema"], parameter["name"]
        if parameter["in"] == "query" and schema.get("type") in ("integer", "string") and "enum" not in schema:
            yield f"?{name}", lambda number, name=name: client.get(f"{path}?{name}={number}")
    for kind, content in described.get("requestBody", {}).get("content", {}).items():
        for example in content.get("examples", {}).values():
            body = _put_own(example["value"])
            for place in range(len(list(_iter_spoilt(body, 0)))):

                def send(number: int, *, body: Any = body, place: int = place) -> Any:
                    sent = list(_iter_spoilt(body, number))[place]
                    if kind == "application/json":  # noqa: B023 - called at once
                        return client.request(route.method, path, sent)
                    return client.upload(path, sent | {"file": SimpleUploadedFile("a.csv", b"UAI;Licences\n")})

                yield f"number {place + 1} of {body}", send


def _put_own(body: Any, name: str = "") -> Any:
    """Return an example of the description with things of the current office, and a day to come, in their places."""
    if isinstance(body, dict):
        return {key: _put_own(inner, key) for key, inner in body.items()}
    if isinstance(body, list):
        return [_put_own(inner, name.removesuffix("s")) for inner in body]
    if isinstance(body, str) and _DAY.fullmatch(body):
        return f"{timezone.localdate() + datetime.timedelta(days=1)}"
    make = SAMPLES.get("api:school" if name == "uai" else f"api:{name}")
    return next(iter(make().values())) if make else body


def _iter_spoilt(body: Any, number: int) -> Iterator[Any]:
    """Yield the body with the number in place of each of its own in turn."""
    if isinstance(body, int) and not isinstance(body, bool):
        yield number
    elif isinstance(body, dict | list):
        for key, inner in list(body.items() if isinstance(body, dict) else enumerate(body)):
            for spoilt in _iter_spoilt(inner, number):
                changed = copy.copy(body)
                changed[key] = spoilt
                yield changed
