"""The people of the printed guide, and how their pages are read."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django_tenants.utils import schema_context, tenant_context

from licensing.orders import operations as orders
from licensing.pools import operations as pools
from licensing.subscriptions import queries
from licensing.subscriptions.models import ActivationKey, Subscription
from mailing import kinds
from mailing.models import Message
from schools.models import Verification
from tests.conftest import TERM, HostClient
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory

ACCOUNT = "/mon-compte/"


def words(answer) -> str:
    """Return the page as it is read: no tags, plain spaces and apostrophes."""
    page = re.sub(r"<(script|style).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    page = " ".join(re.sub(r"<[^>]+>", " ", page).replace("\xa0", " ").split())
    return page.replace("&#x27;", "'").replace("’", "'").replace("&nbsp;", " ").replace("&amp;", "&")


def browser_of(user) -> HostClient:
    """Return the browser of somebody who has signed in at the portal."""
    browser = HostClient(settings.BASE_DOMAIN)
    browser.force_login(user)
    return browser


def account_of(user) -> str:
    """Return « Mon compte » as its owner reads it."""
    return words(browser_of(user).get(ACCOUNT))


def letters_to(user_or_address, kind="") -> list:
    """Return the letters to somebody, rendered as they would leave, from the portal's outbox."""
    address = getattr(user_or_address, "email", user_or_address)
    with schema_context("public"):
        found = Message.objects.filter(recipient=address, kind__startswith=kind).order_by("pk")
        return [kinds.get(message.kind).render(message) for message in found]


class Story:
    """A collectivity with a lot, a school that it serves, the school's principal and teachers."""

    def __init__(self, collectivity):
        self.collectivity = collectivity
        self.school = SchoolFactory(name="École Jean Jaurès", commune="Nîmes", postal_code="30000")
        self.principal = PrincipalFactory(first_name="Camille", last_name="Vidal")
        AffiliationFactory(user=self.principal, school=self.school)

    def teacher(self, school=None, **fields):
        """Return a teacher who chose the same school, or another."""
        teacher = TeacherFactory(**fields)
        AffiliationFactory(user=teacher, school=school or self.school)
        return teacher

    def teacher_by_hand(self, name="Ecole J. Jaurès", **fields):
        """Return a teacher who typed his school by hand."""
        teacher = TeacherFactory(**fields)
        AffiliationFactory(
            user=teacher, school=None, name=name, address="1 rue du Stade", postal_code="30000", city="Nîmes"
        )
        return teacher

    def receives(self, units=3) -> str:
        """Let the collectivity buy and give; return the key as its e-mail shows it."""
        with tenant_context(self.collectivity):
            pool = orders.grant(
                collectivity=self.collectivity, licences=50, reason="Essai", name="Lot", by=None, at=TERM
            )
            given = pools.allocate(
                pool_id=pool.pk, uai=self.school.uai, units=units, recipient=self.school.email, by=None, at=TERM
            )
            return queries.key_display(ActivationKey.objects.get(pk=given.key_id))

    def letter(self):
        """Return the collectivity's e-mail, as it leaves."""
        with tenant_context(self.collectivity):
            return kinds.get("key").render(Message.objects.get(recipient=self.school.email))

    def types(self, key, user=None):
        """Let somebody type a key in « Mon compte »; return the page that follows."""
        browser = browser_of(user or self.principal)
        return words(browser.post(f"{ACCOUNT}cle/", {"cle": key}, follow=True))

    def redeemed(self, units=3) -> Subscription:
        """Return the subscription that the principal's key opened; it verified him on the way."""
        self.types(self.receives(units))
        subscription = Subscription.objects.get(principal=self.principal)
        assert self.principal.affiliations.get().verified_by == Verification.KEY
        return subscription

    def gives(self, subscription, teacher):
        """Let the principal press « Attribuer la clé » beside a teacher; return the page that follows."""
        asked = {"abonnement": subscription.pk, "enseignant": teacher.pk}
        return words(browser_of(self.principal).post(f"{ACCOUNT}attribuer/", asked, follow=True))


@pytest.fixture
def story(nimes):
    return Story(nimes)
