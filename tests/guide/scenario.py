"""The people of the printed guide, and the text of their pages."""

import re

from django.conf import settings
from django_tenants.utils import tenant_context

from licensing.entitlements import queries
from licensing.entitlements.models import ActivationKey, Subscription
from licensing.orders import operations as orders
from licensing.pools import operations as pools
from mailing import kinds
from mailing.models import Message
from schools.models import Verification
from tests import emails
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.host_client import HostClient

ACCOUNT = "/mon-compte/"


def page_text(answer) -> str:
    """Return the page's text: no tags, plain spaces and apostrophes."""
    page = re.sub(r"<(script|style).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    page = " ".join(re.sub(r"<[^>]+>", " ", page).replace("\xa0", " ").split())
    return page.replace("&#x27;", "'").replace("’", "'").replace("&nbsp;", " ").replace("&amp;", "&")


def create_browser(user) -> HostClient:
    """Return a browser signed in at the portal."""
    browser = HostClient(settings.BASE_DOMAIN)
    browser.force_login(user)
    return browser


#: The tabs of « Mon compte »: Enseignants or Ma licence, Licences, Mon école, Mon profil.
TABS = (ACCOUNT, f"{ACCOUNT}licences/", f"{ACCOUNT}etablissement/", f"{ACCOUNT}informations/")


def account_text(user) -> str:
    """Return the text of the user's « Mon compte », tab after tab."""
    browser = create_browser(user)
    return " ".join(page_text(browser.get(tab, follow=True)) for tab in TABS)


def list_emails(user_or_address, kind="") -> list:
    """Return the rendered e-mails to an address, from the portal's outbox."""
    address = getattr(user_or_address, "email", user_or_address)
    found = emails.list_emails(recipient=address)
    return [emails.render_email(message) for message in found if message.kind.startswith(kind)]


class GuideScenario:
    """A collectivity with a pool, a school of its portfolio, the school's principal and teachers."""

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

    def teacher_with_typed_school(self, name="Ecole J. Jaurès", **fields):
        """Return a teacher who typed their school by hand."""
        teacher = TeacherFactory(**fields)
        AffiliationFactory(
            user=teacher, school=None, name=name, address="1 rue du Stade", postal_code="30000", city="Nîmes"
        )
        return teacher

    def receive_key(self, units=3) -> str:
        """Grant a pool and allocate to the school; return the key as in the e-mail."""
        with tenant_context(self.collectivity):
            pool = orders.grant(
                collectivity=self.collectivity, licences=50, reason="Essai", name="Lot", by=None, at=TERM
            )
            given = pools.allocate(
                pool_id=pool.pk, uai=self.school.uai, units=units, recipient=self.school.email, by=None, at=TERM
            )
            return queries.unseal_key(ActivationKey.objects.get(pk=given.key_id))

    def render_key_email(self):
        """Return the collectivity's rendered e-mail."""
        with tenant_context(self.collectivity):
            return kinds.get("key").render(Message.objects.get(recipient=self.school.email))

    def enter_key(self, key, user=None):
        """Enter a key in « Mon compte »; return the text of the next page."""
        browser = create_browser(user or self.principal)
        return page_text(browser.post(f"{ACCOUNT}cle/", {"cle": key}, follow=True))

    def redeem_key(self, units=3) -> Subscription:
        """Redeem the school's key as its principal, which verifies them; return the subscription."""
        self.enter_key(self.receive_key(units))
        subscription = Subscription.objects.get(principal=self.principal)
        assert self.principal.affiliations.get().verified_by == Verification.KEY
        return subscription

    def assign_seat(self, subscription, teacher):
        """Press « Donner une licence » beside a teacher as the principal; return the text of the next page."""
        fields = {"abonnement": subscription.pk, "enseignant": teacher.pk}
        return page_text(create_browser(self.principal).post(f"{ACCOUNT}attribuer/", fields, follow=True))
