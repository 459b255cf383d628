"""Documents that are made for an account of the portal: so often, and no more."""

import pytest

from accounts import throttling
from accounts.throttling import RateLimit
from tests.factories.accounts import TeacherFactory


@pytest.mark.parametrize(("method", "path"), [("get", "/mon-compte/bons/1/"), ("post", "/mes-classes/1/imprimer/")])
def test_documents_of_the_portal_are_made_so_often_and_no_more(portal, monkeypatch, method, path):
    monkeypatch.setattr("accounts.throttling.DOWNLOADS", RateLimit("downloads", 1, throttling.DOWNLOADS.window))
    portal.force_login(TeacherFactory())
    # Counted before anything is looked up: the first answer says that there is no such document.
    assert [getattr(portal, method)(path).status_code for _ in range(2)] == [404, 429]
