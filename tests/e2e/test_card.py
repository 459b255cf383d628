"""A card purchase through Stripe's page, under our CSP, against the fake Stripe server."""

from django.conf import settings

from licensing.payments.models import ProviderEvent
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.site import Site
from tests.factories.payments import StartedPaymentFactory
from tests.host_client import HostClient
from tests.payments.card.conftest import stripe  # noqa: F401 - a fixture
from tests.payments.card.effects import PAID_ONCE, get_effects


def test_a_principal_pays_at_stripe_and_returns_to_five_free_licences(committing, site: Site, stripe):  # noqa: F811
    host = f"{settings.BASE_DOMAIN}:{site.port}"
    stripe.webhook, stripe.host = f"http://127.0.0.1:{site.port}/webhooks/stripe/", host
    payment = StartedPaymentFactory()
    client = HostClient(host)
    client.force_login(payment.order.placed_by)
    visit = site.person(session=client.session.session_key)
    page = visit.open(payment.get_process_url())
    assert find_problems_at_both_widths(visit) == []
    # To another host, which `form-action` names; and back by its own arrow first.
    at_stripe = f"{stripe.url}/c/pay/**"
    page.get_by_role("button", name="Payer").click()
    page.wait_for_url(at_stripe)
    page.get_by_role("link", name="Retour").click()
    page.wait_for_url(site.url("/**"))
    page.get_by_role("button", name="Payer").click()
    page.wait_for_url(at_stripe)
    page.get_by_role("button", name="Payer").click()
    page.get_by_role("region", name="Vos licences sont ouvertes").get_by_text("0 sur 5").first.wait_for()
    assert find_problems_at_both_widths(visit) == []
    assert get_effects(payment.order) == PAID_ONCE
    assert (len(stripe.sessions), ProviderEvent.objects.count()) == (1, 1)
    page.get_by_role("link", name="Donner mes licences").click()
    page.locator("#licences").get_by_text("0 sur 5").first.wait_for()
    assert visit.complaints == []
