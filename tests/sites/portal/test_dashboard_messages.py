"""What « Mon compte » says after an act and beside its buttons: who, how long, whom to ask."""

import re

import pytest
from django_tenants.utils import tenant_context

from collectivities.models import OfficeSettings
from core.formatting import of_name
from licensing.entitlements import operations
from licensing.requests.invitations import operations as invitations
from tests.conftest import TERM
from tests.sites.portal.my_account_page import HTMX, PAGE, visible_text

pytestmark = pytest.mark.slow


def test_the_form_of_invitations_stays_open_for_the_next_one(jaures, as_):
    _, subscription = jaures.subscription()
    jaures.teacher()
    browser = as_(jaures.principal)
    folded = re.compile(r'<details class="question" id="inviter"\s*>')
    assert folded.search(browser.get(PAGE).content.decode())
    for headers in ({}, HTMX):
        asked = {"abonnement": subscription.pk, "adresses": "lea@x.example"}
        answer = browser.post(f"{PAGE}inviter/", asked, headers=headers, follow=True)
        assert not folded.search(answer.content.decode())


def test_what_was_understood_of_a_list_is_counted_on_its_button(jaures, as_):
    _, subscription = jaures.subscription()
    browser = as_(jaures.principal)
    for addresses, button in (
        ("lea@x.example; paul@@x.example\nines@x.example", "Inviter les 2 adresses comprises"),
        ("lea@x.example; paul@@x.example", "Inviter l’adresse comprise"),
    ):
        asked = {"abonnement": subscription.pk, "adresses": addresses}
        page = visible_text(browser.post(f"{PAGE}inviter/", asked, headers=HTMX))
        assert "« paul@@x.example » n’est pas une adresse e-mail" in page
        assert button in page
    asked["adresses"] = "Paul Durand"
    assert 'name="passer"' not in browser.post(f"{PAGE}inviter/", asked, headers=HTMX).content.decode()


def test_who_loses_their_licence_is_named_once_and_covers_nobody(jaures, as_):
    _, subscription = jaures.subscription()
    leaving = jaures.teacher()
    seat = operations.assign(subscription_id=subscription.pk, teacher=leaving, by=jaures.principal, at=TERM)
    browser = as_(jaures.principal)
    asked = {"enseignant": leaving.pk}
    path = f"{PAGE}retirer/{seat.pk}/"
    answer = browser.post(path, asked, follow=True)
    assert f"La licence {of_name(str(leaving))} est retirée" in visible_text(answer)
    # It has the focus, and covers nobody's row.
    assert "roster-notice-kept" not in answer.content.decode()
    assert "La licence est retirée" in visible_text(browser.post(path, asked, follow=True))


def test_a_principal_who_is_not_verified_reads_no_name_of_who_loses_a_licence(jaures, as_):
    code, subscription = jaures.subscription(exposed_at=TERM)
    typist = jaures.teacher()
    operations.claim(code=code, by=typist, at=TERM)
    path = f"{PAGE}retirer/{subscription.seats.held().get().pk}/"
    page = visible_text(as_(jaures.principal).post(path, {"enseignant": typist.pk}, follow=True))
    assert "La licence est retirée" in page
    assert str(typist) not in page


def test_the_principal_reads_that_they_have_or_no_longer_have_a_licence(jaures, as_):
    _, subscription = jaures.subscription()
    browser = as_(jaures.principal)
    asked = {"abonnement": subscription.pk, "enseignant": jaures.principal.pk}
    assert "Vous avez maintenant une licence." in visible_text(browser.post(f"{PAGE}attribuer/", asked, headers=HTMX))
    path = f"{PAGE}retirer/{subscription.seats.held().get().pk}/"
    page = visible_text(browser.post(path, {"enseignant": jaures.principal.pk}, follow=True))
    assert "Vous n’avez plus de licence" in page


def test_the_message_of_an_assignment_tells_how_long_it_may_be_undone(jaures, as_):
    _, subscription = jaures.subscription()
    asked = {"abonnement": subscription.pk, "enseignant": jaures.teacher().pk}
    answer = as_(jaures.principal).post(f"{PAGE}attribuer/", asked, headers=HTMX)
    assert ("roster-notice-kept" in answer.content.decode()) == bool(answer.context["focused"])
    assert "Vous avez 10 secondes pour annuler." in visible_text(answer)
    assert re.search(
        r'Annuler<span class="undo-time" aria-hidden="true"> \(<span data-seconds>10</span>', answer.content.decode()
    )


def test_cancelling_before_the_class_is_open_leads_back_to_where_one_came_from(jaures, as_):
    _, subscription = jaures.subscription()
    operations.assign(subscription_id=subscription.pk, teacher=jaures.principal, by=jaures.principal, at=TERM)
    browser = as_(jaures.principal)
    [link] = re.findall(r'href="(/mes-classes/ouvrir/[^"]+)"', browser.get(PAGE).content.decode())
    for path, back in ((link, PAGE), (link.partition("?")[0], "/mes-classes/")):
        page = browser.get(path).content.decode()
        assert re.search(rf'href="{back}"\s*>Annuler<', page)


@pytest.mark.small
def test_whom_to_ask_for_more_is_whom_the_letter_names(jaures, as_):
    with tenant_context(jaures.entitlement.collectivity):
        OfficeSettings.objects.update_or_create(
            pk=1,
            defaults={
                "contact_name": "Claire Dupont",
                "contact_phone": "04 66 11 22 33",
                "reply_to": "c@nimes.example",
            },
        )
    _, subscription = jaures.subscription(units=1)
    operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    page = visible_text(as_(jaures.principal).get(PAGE)).replace(" ,", ",")
    assert "qui donne des licences à votre école. Claire Dupont 04 66 11 22 33 c@nimes.example" in page


def test_the_gauge_shows_reserved_licences_beside_those_given(jaures, as_):
    _, subscription = jaures.subscription(units=5)
    for _ in range(2):
        operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    invitations.invite_teachers(
        subscription_id=subscription.pk, addresses="lea@x.example", by=jaures.principal, at=TERM
    )
    page = " ".join(as_(jaures.principal).get(f"{PAGE}licences/").content.decode().split())
    assert 'viewBox="0 0 5 1"' in page
    assert 'class="gauge-taken" width="2"' in page
    assert 'class="gauge-reserved" x="2" width="1"' in page
