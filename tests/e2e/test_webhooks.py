"""The webhook pages, with data."""

from django.utils import timezone
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from tests.e2e.page_checks import assert_no_problems, find_problems, find_problems_at_both_widths
from tests.e2e.sessions import open_signed_in
from tests.e2e.site import Site
from tests.factories.collectivities import MemberFactory
from tests.webhooks.events import emit_events, make_issued_event
from webhooks import endpoints, leases
from webhooks.leases import AttemptResult, explain_status
from webhooks.models import Delivery

LONG = (
    "https://evenements.systeme-d-information.ville-de-nimes.example/receptions/peps/v1?locataire=education&version=2"
)


def test_webhooks_and_their_deliveries(committing, site: Site):
    with tenant_context(committing):
        manager = MemberFactory(roles=[Role.MANAGER])
        webhook = endpoints.add(url=LONG, types=[], by_id=None, at=timezone.now()).endpoint
        emit_events(*(make_issued_event(number) for number in range(60)))
        claimed = leases.claim(endpoint_id=webhook.pk, limit=8, at=timezone.now())
        outcomes = [
            AttemptResult(status, explain_status(status), "Internal Server Error: " + "mot-très-long" * 20, 84)
            for status in (200, 500, 404, 302, 429, 200, 503, 401)
        ]
        leases.record_results(endpoint_id=webhook.pk, claimed=claimed, outcomes=outcomes, at=timezone.now())
        failed = Delivery.objects.exclude(reason="").latest("pk")
    visit = open_signed_in(site, "nimes.peps.localhost", manager.user, slug="nimes")
    found = {}
    here = f"/reglages/webhooks/{webhook.pk}/"
    for path in (
        "/reglages/webhooks/",
        here,
        f"{here}?etat=failed",
        f"{here}modifier/",
        f"{here}secret/",
        f"{here}supprimer/",
        f"{here}envois/{failed.pk}/",
    ):
        visit.open(path, slug="nimes")
        found[path] = find_problems_at_both_widths(visit)
        visit.complaints.clear()
    assert_no_problems(found)


def test_a_webhook_is_added_on_a_telephone(committing, site: Site):
    with tenant_context(committing):
        manager = MemberFactory(roles=[Role.MANAGER])
    visit = open_signed_in(site, "nimes.peps.localhost", manager.user, slug="nimes", width="phone")
    page = visit.open("/reglages/webhooks/", slug="nimes")
    page.get_by_role("link", name="Ajouter un webhook").first.click()
    page.get_by_label("Adresse").fill(LONG)
    page.get_by_label("Clé activée").check()
    page.get_by_role("button", name="Ajouter le webhook").click()
    page.get_by_text("whsec_").wait_for()
    assert_no_problems({"secret": find_problems(visit)})
    page.get_by_role("link", name="J’ai copié le secret").click()
    page.get_by_role("button", name="Essayer").click()
    page.get_by_text("Pas encore de tentative").wait_for()
    assert_no_problems({"essai": find_problems(visit)})
