"""« Adresses à corriger » in a real browser: from the home page to the keys that leave, at both widths."""

from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from collectivities.models import PortfolioSchool
from licensing.orders import operations as orders
from mailing.models import Message, MessageState
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.emails import BOUNCE_FIELDS, WAITING_FIELDS
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.host_client import HostClient
from tests.pools.actions import allocate_units

#: Of the five, the school of which no other address is known.
BLANK = 1


def arrange(collectivity):
    """Have the keys of five schools lost, the last one held; return a manager."""
    now = timezone.now()
    pool = orders.grant(collectivity=collectivity, licences=120, reason="Essai", name="Rentrée 2026", by=None, at=now)
    for number in range(5):
        mailbox = f"ce.030000{number}a@ac-montpellier.example" if number not in (BLANK, 4) else ""
        school = SchoolFactory(name=f"École Jean Jaurès {number}", email=mailbox, phone=f"04 66 00 00 0{number}")
        PortfolioSchoolFactory(school=school)
        lost = allocate_units(pool, school, units=3, recipient=f"direction.faute{number}@ecole.example", at=now)
        fields = {"state": MessageState.BOUNCED} | BOUNCE_FIELDS
        if number == 4:
            fields = {"state": MessageState.HELD} | WAITING_FIELDS
        Message.objects.filter(topic_id=lost.pk).update(**fields)
    user = UserFactory(first_name="Camille")
    MemberFactory(user=user, roles=[Role.MANAGER])
    return user


def test_four_keys_leave_for_the_mailboxes_of_the_directory(committing, site):
    with tenant_context(committing):
        user = arrange(committing)
    client = HostClient("nimes.peps.localhost")
    client.force_login(user)
    session = client.session
    session["host"] = f"{client.host}:{site.port}"
    session.save()
    visit = site.person(session=session.session_key, slug="nimes")
    visit.open("/", slug="nimes")
    visit.page.get_by_role("link", name="Corriger l’adresse et renvoyer").first.click()
    found = {"list": find_problems_at_both_widths(visit)}
    visit.page.set_viewport_size({"width": 1040, "height": 760})
    keep_picture(visit.page, "bureau-adresses-a-corriger")
    visit.page.get_by_label(f"Nouvelle adresse de École Jean Jaurès {BLANK}").fill("directrice@ecole.example")
    visit.page.get_by_role("button", name="Voir ce qui part").click()
    found["preview"] = find_problems_at_both_widths(visit)
    visit.page.get_by_role("button", name="Renvoyer les clés").click()
    assert "4 clés renvoyées" in visit.page.locator("body").inner_text().replace("\u00a0", " ")
    found["done"] = find_problems_at_both_widths(visit)
    visit.page.get_by_role("link", name="Écrire quand même").click()
    found["held"] = find_problems_at_both_widths(visit)
    visit.page.get_by_role("button", name="Écrire quand même").click()
    assert_no_problems(found)
    with tenant_context(committing):
        assert Message.objects.filter(state=MessageState.QUEUED).count() == 5
        assert PortfolioSchool.objects.filter(contact_email="").count() == 4
