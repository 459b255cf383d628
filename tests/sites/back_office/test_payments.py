"""Payments in the back office: what came in by mistake, or bounced, is taken back."""

import re
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.calendar import date_in_paris
from core.formatting import euros, long_date
from licensing.books.billing.queries import get_balance
from licensing.orders.models import OrderState
from sites.back_office.forms import AmountField
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.sites.back_office.pages import order_url, page_text
from tests.sites.back_office.test_orders import action_url, run_action

pytestmark = pytest.mark.slow


def test_a_bounced_cheque_is_reversed_from_its_page(operator):
    order = OrderFactory(current=True, paid=True)
    payment = order.payments.get()
    assert f"/admin/payments/payment/{payment.pk}/change/" in operator.get(order_url(order)).content.decode()
    question = page_text(operator.get(action_url(payment, "annuler")))
    assert "redevient à régler" in question
    assert "199,00" in question
    assert "Il reste 199,00 €" in run_action(operator, payment, "annuler", reason="unpaid", amount="200")
    assert "Dites pourquoi" in run_action(operator, payment, "annuler", reason="other", amount="100")
    done = run_action(operator, payment, "annuler", reason="unpaid", amount="100,50", text="Provision insuffisante")
    assert "100,50 € annulés : 100,50 € restent à régler" in done
    order.refresh_from_db()
    assert (order.state, get_balance(order)) == (OrderState.CONFIRMED, order.payments.get(refunds=payment).amount * -1)
    page = page_text(operator.get(order_url(order)))
    assert "98,50 € reçus, 100,50 € restent à régler" in page
    assert "Provision insuffisante" in page


def test_a_reversal_without_a_reason_is_refused_and_none_is_chosen_beforehand(operator):
    order = OrderFactory(current=True, paid=True)
    page = page_text(operator.get(action_url(order.payments.get(), "annuler")))
    assert "selected" not in page[page.index('name="reason"') :].partition('value="unpaid"')[0].replace(
        '<option value="" selected>', ""
    )
    assert page.index('<option value="mistake"') < page.index('<option value="unpaid"')
    refused = run_action(operator, order.payments.get(), "annuler", amount="199")
    assert "Choisissez le motif : de lui dépend qu'un e-mail parte ou non." in refused.replace("’", "'")
    assert order.payments.count() == 1


def test_a_reversal_says_beside_its_button_whether_an_e_mail_leaves_and_to_whom(operator):
    order = OrderFactory(current=True, paid=True)
    page = page_text(operator.get(action_url(order.payments.get(), "annuler"))).replace("’", "'")
    bounced = f"« Impayé » : un e-mail part aussitôt à {order.placed_by.email}."
    assert page.index('name="text"') < page.index(bounced)
    assert "votre virement a été rejeté" in page
    assert "« Erreur de saisie » ou « Autre » : aucun e-mail ne part." in page
    actions.cancel(order, at=timezone.now())
    page = page_text(operator.get(action_url(order.payments.get(), "annuler"))).replace("’", "'")
    assert "Aucun e-mail ne part, quel que soit le motif : la commande est annulée." in page


def test_the_page_of_a_reversed_payment_says_so_and_leads_to_its_order(operator):
    order = OrderFactory(current=True, paid=True)
    payment = order.payments.get()
    url = "/admin/payments/payment/{}/change/"
    assert "Annulé le" not in page_text(operator.get(url.format(payment.pk)))
    actions.reverse(order, payment=payment, amount=Decimal(99), reason="other", text="Doublon", at=timezone.now())
    actions.reverse(order, payment=payment, amount=Decimal(100), reason="mistake", at=timezone.now())
    page = page_text(operator.get(url.format(payment.pk)))
    today = long_date(date_in_paris(timezone.now())).replace("\u00a0", " ")
    assert f"99,00 € annulés le {today} : Doublon." in page
    assert f"100,00 € annulés le {today} : erreur de saisie." in page
    reversal = order.payments.get(reversal_reason="mistake")
    page = page_text(operator.get(url.format(reversal.pk)))
    assert "Annule le règlement de 199,00 € (virement ou mandat administratif), reçu le" in page
    closing = page[page.index('id="submit-row"') :]
    assert f'href="{order_url(order)}"' in closing.partition("Fermer")[0]


def test_a_payment_reversed_in_whole_has_the_short_sentence(operator):
    order = OrderFactory(current=True, paid=True)
    actions.reverse(order, reason="mistake", at=timezone.now())
    page = page_text(operator.get(f"/admin/payments/payment/{order.payments.first().pk}/change/"))
    assert re.search(r"Annulé le .* : erreur de saisie\.", page)


@pytest.mark.small
@pytest.mark.parametrize(
    "written",
    [
        "3 650", "3\u00a0650", "3\u2009650,0", "3.650,00 €", "3650.00", " 3650 euros ",
        euros(Decimal(3650)), "3650", "3650,00",
    ],
)  # fmt: skip
def test_an_amount_is_typed_as_pages_write_it(written):
    assert AmountField().clean(written) == Decimal(3650)


@pytest.mark.small
@pytest.mark.parametrize("written", ["trois mille", "36 50", "3 650,505", "12/5"])
def test_what_is_no_amount_is_refused_with_an_example(written):
    with pytest.raises(ValidationError, match="par exemple 3"):
        AmountField().clean(written)


@pytest.mark.small
def test_an_amount_with_a_sign_is_never_taken_for_one_without():
    """What was given back is no payment: it has an act of its own."""
    assert AmountField().clean("-50") == -50
    with pytest.raises(ValidationError, match="par exemple 3"):
        AmountField().clean("\u221250")


def test_the_amount_of_a_page_is_pasted_as_it_is(operator):
    order = OrderFactory(current=True, confirmed=True)
    typed = {"method": "transfer", "received_on": timezone.localdate().isoformat(), "reference": "V1"}
    assert "la commande est réglée" in run_action(operator, order, "reglement", amount=euros(order.owed), **typed)


def test_more_than_is_owed_is_recorded_once_it_is_confirmed(operator):
    order = OrderFactory(current=True, confirmed=True)
    typed = {"method": "transfer", "amount": "250", "received_on": timezone.localdate().isoformat(), "reference": "V1"}
    page = action_url(order, "reglement")
    refused = operator.post(page, typed | {"page_version": operator.get(page).context["page_version"]})
    assert "cochez la case" in page_text(refused)
    assert not order.payments.exists()
    assert "51,00 € de trop-perçu" in run_action(operator, order, "reglement", **typed, in_excess="on")
    assert "Trop-perçu : 51,00 €" in page_text(operator.get(order_url(order)))
    assert "1 trop-perçu à rendre" in page_text(operator.get("/admin/"))
    assert operator.get(action_url(order, "reporter-le-trop-percu")).status_code == 302


def test_an_overpayment_is_given_back_or_moved_from_the_page_of_the_order(operator):
    order = OrderFactory(current=True, paid=True)
    typed = {"method": "transfer", "amount": "250", "received_on": timezone.localdate().isoformat(), "reference": "V2"}
    assert "250,00 € de trop-perçu" in run_action(operator, order, "reglement-en-trop", **typed)
    given = {"amount": "51", "method": "transfer", "reference": "R1"}
    assert "51,00 € de trop-perçu rendus" in run_action(operator, order, "rendre-le-trop-percu", **given)
    owed = OrderFactory(current=True, confirmed=True)
    done = run_action(operator, order, "reporter-le-trop-percu", target=owed.pk, amount="199")
    assert f"199,00 € reportés sur la commande n° {owed.pk}" in done
    owed.refresh_from_db()
    assert owed.state == OrderState.PAID
    assert "trop-perçu" not in page_text(operator.get("/admin/"))


def test_a_card_payment_cannot_be_reversed(operator):
    payment = OrderFactory(current=True, paid_by_card=True).payments.get()
    assert operator.get(action_url(payment, "annuler")).status_code == 302
