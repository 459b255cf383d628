"""Sends what a page's own form says, undoes it, and records which names the view read."""

import collections
import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from core.connections import connection
from tests.forms.page_forms import Target
from tests.host_client import HostClient


class _RecordedLookups:
    """Records the names that are looked up in a mapping that it is mixed into."""

    names: set[str]

    def __getitem__(self, name):
        self.names.add(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self.names.add(name)
        return super().__contains__(name)


class _ReadDict(_RecordedLookups, dict):
    """A plain dict of the data, whose look-ups are recorded too."""

    def __init__(self, values: dict[str, Any], names: set[str]):
        super().__init__(values)
        self.names = names

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)


class _Recording(_RecordedLookups, MultiValueDict):
    """Records the names that are looked up. To list everything, as `urlencode()` does, is to read no name."""

    def getlist(self, name, default=None):
        self.names.add(name)
        return super().getlist(name, default)

    def items(self):
        return [(name, super(_RecordedLookups, self).__getitem__(name)) for name in self]

    def dict(self):
        return _ReadDict(dict(self.items()), self.names)

    def __copy__(self):
        return self._record(super().__copy__())

    def __deepcopy__(self, memo):
        return self._record(super().__deepcopy__(memo))

    def _record(self, copied):
        copied.names = self.names
        return copied


class _RecordingQueryDict(_Recording, QueryDict):
    pass


def record_reading(data: QueryDict, names: set[str]) -> _RecordingQueryDict:
    """Return the same data, which adds each name that is looked up to `names`."""
    recording = _RecordingQueryDict(mutable=True)
    recording.names = set()
    for name, values in data.lists():
        recording.setlist(name, values)
    recording.names = names
    recording._mutable = False  # noqa: SLF001 - as Django's own requests do
    return recording


@contextmanager
def record_names(browser: HostClient) -> Iterator[set[str]]:
    """Record the names that are read of the data of the browser's requests."""
    names: set[str] = set()
    get_response = browser.handler.get_response

    def get_response_to_recorded(request):
        request.GET = record_reading(request.GET, names)
        request.POST = record_reading(request.POST, names)
        files = _Recording(dict(request.FILES.lists()))
        files.names = names
        request._files = files  # noqa: SLF001 - there is no setter
        return get_response(request)

    browser.handler.get_response = get_response_to_recorded
    try:
        yield names
    finally:
        del browser.handler.get_response


def submit(
    browser: HostClient, page: str, target: Target, values: dict[str, list[str]], files: Iterable[str] = ()
) -> tuple[set[str], int]:
    """Send the values to the target and undo everything; return the names that were read, and the status."""
    url = urlsplit(urljoin(page, target.url))
    headers = {"HX-Request": "true"} if target.htmx else {}
    cookies, schema = copy.deepcopy(browser.cookies), connection.tenant
    with record_names(browser) as names, transaction.atomic():
        if target.method == "get":
            answer = browser.get(url.path, values, headers=headers)
        else:
            uploads = {name: SimpleUploadedFile("a.csv", b"UAI;Licences\n") for name in files}
            path = f"{url.path}?{url.query}" if url.query else url.path
            answer = browser.post(path, {**values, **uploads}, headers=headers)
        transaction.set_rollback(True)
    if answer.streaming:
        # Read to its end, it closes its file; closed before that, it would close the connection as well.
        collections.deque(answer, maxlen=0)
    browser.cookies = cookies
    connection.set_tenant(schema)
    return names, answer.status_code
