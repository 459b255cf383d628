"""The e-mail that gives a school its key, and its reader's way through the key's page."""

import re
from typing import NamedTuple

from django_tenants.utils import tenant_context

from licensing.orders import operations as orders
from mailing import kinds
from mailing.models import Message
from tests.conftest import PASSWORD, TERM
from tests.pools.actions import allocate_units

_LINK = re.compile(r"/cle/#cle=([\w-]+)&jeton=(\S+)")

PERSON = {"first_name": "Camille", "last_name": "Martin", "password": PASSWORD}


class KeyLink(NamedTuple):
    """What the link of the e-mail holds."""

    code: str
    token: str


def read_link(text):
    """Return the key and the token of the e-mail's link."""
    return KeyLink(*_LINK.search(text).groups())


def render_last(tenant):
    """Return the last e-mail of a collectivity's outbox as it is sent."""
    with tenant_context(tenant):
        message = Message.objects.order_by("-pk").first()
        return kinds.get(message.kind).render(message)


def send_key(tenant, school, *, units=3, at=TERM, **more):
    """Give the school licences; return the allocation and the link of its e-mail."""
    with tenant_context(tenant):
        pool = orders.grant(collectivity=tenant, licences=100, reason="Essai", by=None, at=at)
        allocation = allocate_units(pool, school, units=units, **more)
    return allocation, read_link(render_last(tenant).text)


def open_link(browser, link):
    """Post the link's fragment as its page does, and return the page that follows."""
    return browser.post("/cle/ouvrir/", {"cle": link.code, "jeton": link.token}, follow=True)


def create_account(browser, **changes):
    return browser.post("/cle/compte/", {**PERSON, **changes})
