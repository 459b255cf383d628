"""One order that waits: its scan beside it, invoiced, refused, paid, and the next one offered."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.calendar import date_in_paris
from core.formatting import long_date
from licensing.books.billing.models import Invoice
from licensing.orders.models import OrderState, PurchaseOrderScan
from licensing.payments.models import Payment
from tests.factories.accounts import UserFactory
from tests.factories.billing_details import PAYER_SIRET
from tests.factories.licensing import OrderRowFactory
from tests.factories.orders import OrderFactory
from tests.orders import actions
from tests.orders.dates import DAY
from tests.sites.back_office.pages import page_text

pytestmark = pytest.mark.slow

CHECK, COLLECT = "/admin/a-traiter/verifier/", "/admin/a-traiter/encaisser/"
JPEG = b"\xff\xd8\xff a photograph"


def receive(*, days: int = 0, **billing):
    order = OrderFactory(current=True, placed=True, **billing)
    actions.upload(order, at=timezone.now() - days * DAY)
    return order


def do(operator, order, act, *, page=CHECK, version=None, **fields):
    """Take a step on an order's page, as shown now unless a version is given; return the page that follows."""
    url = f"{page}{order.pk}/"
    known = version or operator.get(url).context["page_version"]
    return operator.post(url, {"act": act, "page_version": known, **fields}, follow=True)


def pay_fields(**changed):
    today = date_in_paris(timezone.now()).isoformat()
    return {"method": "transfer", "amount": "199,00", "received_on": today, "reference": "VIR 12"} | changed


def test_a_conform_order_is_invoiced_then_paid_on_the_same_page(operator):
    order = receive()
    shown = page_text(operator.get(f"{CHECK}{order.pk}/"))
    assert "Conforme : facturer" in shown
    assert "La facture de 199,00 € est émise au nom de « Mairie de Nîmes »" in shown
    invoiced = page_text(do(operator, order, "confirmer"))
    assert "émise : 199,00 €" in invoiced
    # The amount and the day are ready.
    assert 'value="199,00"' in invoiced
    assert f'value="{date_in_paris(timezone.now()).isoformat()}"' in invoiced
    assert "la commande est réglée" in page_text(do(operator, order, "reglement", **pay_fields()))
    order.refresh_from_db()
    assert (order.state, order.scans.get().state) == (OrderState.PAID, "accepted")


def test_a_document_is_refused_with_a_reason_that_the_buyer_reads(operator):
    order = receive()
    lacking = do(operator, order, "refuser-le-bon", reason="")
    assert lacking.status_code == 422
    assert '<details class="refusal" open>' in page_text(lacking)
    assert "Document refusé" in page_text(do(operator, order, "refuser-le-bon", reason="La signature manque."))
    scan = order.scans.get()
    assert (scan.state, scan.reason) == ("refused", "La signature manque.")
    assert Invoice.objects.count() == 0


def test_an_unknown_buyer_s_rights_are_opened_or_the_order_refused(operator):
    opened, refused = OrderFactory(current=True, in_review=True), OrderFactory(current=True, in_review=True)
    assert "Acheteur : " in page_text(operator.get(f"{CHECK}{opened.pk}/"))
    do(operator, opened, "ouvrir")
    do(operator, refused, "refuser", reason="Établissement inconnu.")
    for order, state in ((opened, OrderState.PLACED), (refused, OrderState.CANCELLED)):
        order.refresh_from_db()
        assert order.state == state


def test_a_second_click_and_an_old_page_do_nothing(operator):
    order = receive()
    version = operator.get(f"{CHECK}{order.pk}/").context["page_version"]
    do(operator, order, "confirmer", version=version)
    again = page_text(do(operator, order, "confirmer", version=version))
    assert "Rien de plus n’a été fait" in again
    old = do(operator, order, "reglement", version=version, **pay_fields())
    assert old.status_code == 422
    assert "a changé depuis que la page est affichée" in page_text(old)
    assert (Invoice.objects.count(), Payment.objects.count()) == (1, 0)


@pytest.mark.parametrize("act", ["annuler", "suspendre", "tva", "", "x"])
def test_no_other_act_is_taken_from_the_page(operator, act):
    order = receive()
    do(operator, order, act, reason="Motif.")
    order.refresh_from_db()
    assert order.state == OrderState.PLACED


def test_more_than_what_is_due_is_recorded_only_where_ticked(operator):
    order = OrderFactory(current=True, confirmed=True)
    refused = do(operator, order, "reglement", page=COLLECT, **pay_fields(amount="250,00"))
    assert "Il reste 199,00 € à régler" in page_text(refused)
    do(operator, order, "reglement", page=COLLECT, **pay_fields(amount="250,00", in_excess="on"))
    assert Payment.objects.get().amount == 250


def test_what_lacks_its_references_is_completed_on_the_page_before_it_is_invoiced(operator):
    order = receive(billing__siret="")
    page = page_text(operator.get(f"{CHECK}{order.pk}/"))
    assert "Conforme : facturer" not in page
    assert '<details class="references" open>' in page
    assert do(operator, order, "confirmer").status_code == 422
    wrong = do(operator, order, "completer", siret="213 001 894 00013")
    assert wrong.status_code == 422
    assert "faute de frappe" in page_text(wrong)
    assert Invoice.objects.count() == 0
    assert "Conforme : facturer" in page_text(do(operator, order, "completer", siret=PAYER_SIRET))


def test_a_public_payer_s_references_are_asked_beside_the_button_and_kept_by_the_invoice(operator):
    order = receive()
    page = page_text(operator.get(f"{CHECK}{order.pk}/"))
    sentence = "Le code service et le numéro d’engagement manquent, et ce payeur public peut les demander."
    assert page.index(sentence) < page.index("Conforme : facturer")
    assert page.count(sentence) == 1
    # What is known already is not asked again.
    assert f'value="{order.siret}"' in page
    typed = {"siret": order.siret, "service_code": "EDUC", "engagement_number": "EJ 42"}
    completed = page_text(do(operator, order, "completer", **typed))
    assert "la facture les portera" in completed
    assert sentence not in completed
    do(operator, order, "confirmer")
    assert Invoice.objects.get().snapshot["buyer"]["engagement_number"] == "EJ 42"


def test_an_order_without_what_may_be_lacking_is_invoiced_by_the_same_click(operator):
    """The warning stops nobody: many public payers ask for neither."""
    do(operator, receive(), "confirmer")
    assert Invoice.objects.count() == 1


def test_after_it_is_invoiced_the_page_says_where_it_is_to_be_deposited_and_later_that_it_is_paid(operator):
    order = receive()
    invoiced = page_text(do(operator, order, "confirmer"))
    invoice = Invoice.objects.get()
    assert "Elle reste à déposer sur Chorus Pro." in invoiced
    assert '<a href="/admin/billing/invoice/a-deposer/">sur Chorus Pro</a>' in invoiced
    assert f"</a>, échéance le {long_date(invoice.due_on)}".replace("\u00a0", " ") in invoiced
    operator.post("/admin/billing/invoice/a-deposer/", {"factures": str(invoice.pk), "confirmed": "1"})
    paid = page_text(do(operator, order, "reglement", **pay_fields()))
    assert "sur Chorus Pro</a>" not in paid
    assert "échéance le" not in paid
    today = long_date(date_in_paris(timezone.now())).replace("\u00a0", " ")
    assert f"</a>, réglée le {today}" in paid


def test_what_will_happen_and_what_to_look_at_stand_before_the_button_that_invoices(operator):
    order = receive()
    page = page_text(operator.get(f"{CHECK}{order.pk}/"))
    check = "Vérifiez : la signature, « Mairie de Nîmes » pour payeur, 5 licences, 199,00 € TTC."
    button = page.index('<button class="btn btn-primary">Conforme : facturer</button>')
    # A rule of the style sheet hides what « Conforme » does while the refusal is open.
    assert page.index(check) < page.index('<div class="step-effect">') < page.index("est émise au nom de") < button


def test_the_box_on_references_names_the_one_that_is_missing(operator):
    order = receive(billing__service_code="EDUC")
    page = page_text(operator.get(f"{CHECK}{order.pk}/"))
    assert "Le numéro d’engagement manque, et ce payeur public peut le demander." in page
    assert "code service manque" not in page


def test_a_scan_sent_anew_says_why_the_first_was_refused(operator):
    order = receive()
    do(operator, order, "refuser-le-bon", reason="La signature manque.")
    assert "Un premier envoi" not in page_text(operator.get(f"{CHECK}{order.pk}/"))
    for content in (b"%PDF-1.7 second", b"%PDF-1.7 third"):
        actions.upload(order, content=content, at=timezone.now())
    page = " ".join(page_text(operator.get(f"{CHECK}{order.pk}/")).split())
    assert page.count("La signature manque.") == 1
    assert "Un premier envoi a été refusé le" in page
    # Nobody refused the one that another replaced.
    assert "Remplacé par" not in page


def test_once_invoiced_the_next_to_check_is_the_main_button_unless_there_is_none(operator):
    order, collect = receive(days=2), '<button class="btn btn-{}primary">Encaisser</button>'
    assert collect.format("") in page_text(do(operator, order, "confirmer"))
    receive()
    page = " ".join(page_text(operator.get(f"{CHECK}{order.pk}/")).split())
    assert collect.format("outline-") in page
    assert page.count('class="btn btn-primary"') == 1
    assert "Passer au suivant" in page[page.index('class="btn btn-primary"') :][:120]
    # Who came to collect collects.
    assert collect.format("") in page_text(operator.get(f"{COLLECT}{order.pk}/"))


@pytest.mark.parametrize(
    ("field", "typed"),
    [("amount", "250,00"), ("reference", " "), ("received_on", "2020-01-01")],
)
def test_what_is_wrong_with_a_payment_stands_beside_its_field(operator, field, typed):
    order = OrderFactory(current=True, confirmed=True)
    refused = do(operator, order, "reglement", page=COLLECT, **pay_fields(**{field: typed}))
    assert list(refused.context["failed_form"].errors) == [field]


def test_the_work_page_gives_each_day_one_meaning(operator):
    order = OrderFactory(current=True, confirmed=True)
    page = page_text(operator.get(f"{COLLECT}{order.pk}/"))
    until = long_date(order.lines.get().entitlement.unpaid_until).replace("\u00a0", " ")
    assert f"Droits ouverts jusqu’au {until} dans l’attente du règlement" in page
    assert "échéance le" in page
    assert "au plus tard" not in page


# --- A payment that was typed wrong -----------------------------------------------------------------------------------


def test_a_payment_typed_wrong_is_corrected_from_the_work_page_and_recorded_anew(operator):
    order = OrderFactory(current=True, confirmed=True)
    do(operator, order, "reglement", page=COLLECT, **pay_fields(amount="190,00"))
    payment = Payment.objects.get()
    link = f"/admin/payments/payment/{payment.pk}/faire/annuler/?liste=encaisser"
    page = " ".join(page_text(operator.get(f"{COLLECT}{order.pk}/")).split())
    assert f'<a href="{link}">Corriger ce règlement' in page
    version = operator.get(link).context["page_version"]
    typed = {"reason": "mistake", "amount": "190", "page_version": version}
    answer = operator.post(link, typed)
    assert answer["Location"] == f"{COLLECT}{order.pk}/?reprendre={payment.pk}"
    page = page_text(operator.get(answer["Location"]))
    assert 'value="190,00"' in page
    assert 'value="VIR 12"' in page
    assert '<option value="transfer" selected>' in page
    assert "tel qu’il avait été saisi" in page
    # Nothing of it is to be corrected any more.
    assert "Corriger ce règlement" not in page
    assert "la commande est réglée" in page_text(do(operator, order, "reglement", page=COLLECT, **pay_fields()))


def test_only_a_payment_reversed_by_mistake_is_taken_up_again(operator):
    order = OrderFactory(current=True, confirmed=True)
    payment = actions.pay(order, amount=150, reference="CHQ 9", at=timezone.now())
    actions.reverse(order, payment=payment, at=timezone.now())
    for asked in (payment.pk, 999999, "x", ""):
        page = page_text(operator.get(f"{COLLECT}{order.pk}/?reprendre={asked}"))
        assert 'value="199,00"' in page, asked
        assert "CHQ 9" not in page, asked


def test_a_refusal_says_what_it_does_and_leaves_its_reason_on_the_page(operator):
    order = receive()
    refused = page_text(do(operator, order, "refuser-le-bon", reason="La signature manque."))
    assert "tel que l’acheteur l’a reçu&nbsp;: «&nbsp;La signature manque.&nbsp;»" in " ".join(refused.split())
    assert "est accepté" not in refused


def test_the_next_item_is_the_one_after_it_then_the_oldest_of_the_others(operator):
    first, second, third = receive(days=9), receive(days=5), receive(days=1)

    def find_next(order):
        return operator.get(f"{CHECK}{order.pk}/").context["next"].url

    assert find_next(first) == f"{CHECK}{second.pk}/"
    assert find_next(third) == f"{CHECK}{first.pk}/"
    do(operator, second, "confirmer")
    # Invoiced, it is no more in the list.
    assert find_next(second) == f"{CHECK}{first.pk}/"
    done = do(operator, second, "reglement", **pay_fields())
    assert f'<a class="btn btn-primary" href="{CHECK}{first.pk}/">Passer au suivant</a>' in page_text(done)


def test_after_the_last_item_the_page_leads_back(operator):
    order = OrderFactory(current=True, confirmed=True)
    done = page_text(do(operator, order, "reglement", page=COLLECT, **pay_fields()))
    assert "Rien d’autre n’attend dans cette liste" in done
    assert '<a class="btn btn-primary" href="/admin/">Revenir à ce qui attend</a>' in done


# --- The scan ---------------------------------------------------------------------------------------------------------


def test_a_pdf_is_shown_in_a_frame_of_our_own_and_a_photograph_as_an_image(operator):
    pdf, photograph = receive(), OrderFactory(current=True, placed=True)
    actions.upload(photograph, content=JPEG, filename="bon.jpg", at=timezone.now())
    answer = operator.get(f"{CHECK}{pdf.pk}/")
    assert f'<iframe src="/admin/bons-signes/{pdf.scans.get().pk}/#' in page_text(answer)
    policy = answer["Content-Security-Policy"]
    assert "frame-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-" not in policy
    assert f'<img src="/admin/bons-signes/{photograph.scans.get().pk}/"' in page_text(
        operator.get(f"{CHECK}{photograph.pk}/")
    )


@pytest.mark.small
def test_a_scan_loads_nothing_runs_nothing_and_is_in_no_other_site_s_frame(operator):
    scan = receive().scans.get()
    answer = operator.get(f"/admin/bons-signes/{scan.pk}/")
    assert answer.content == bytes(PurchaseOrderScan.objects.get().content)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith("inline")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert sorted(answer["Content-Security-Policy"].split("; ")) == ["default-src 'none'", "frame-ancestors 'self'"]
    assert "no-store" in answer["Cache-Control"]


def test_what_claims_another_type_is_downloaded_not_shown(operator):
    scan = receive().scans.get()
    PurchaseOrderScan.objects.update(content_type="text/html")
    answer = operator.get(f"/admin/bons-signes/{scan.pk}/")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")


def test_no_other_page_may_have_a_frame(operator):
    for path in ("/admin/", CHECK, "/admin/rechercher/"):
        assert "frame-src" not in operator.get(path)["Content-Security-Policy"], path


# --- Doors ------------------------------------------------------------------------------------------------------------


def test_a_scan_and_an_order_are_the_operator_s_alone(portal):
    order = receive()
    scan = order.scans.get()
    for user in (None, order.placed_by, UserFactory(is_staff=True)):
        if user is not None:
            portal.force_login(user)
        for path in (f"{CHECK}{order.pk}/", f"/admin/bons-signes/{scan.pk}/", CHECK):
            assert portal.get(path).status_code in (302, 403), path
        portal.post(f"{CHECK}{order.pk}/", {"act": "confirmer", "page_version": "0"})
    assert Invoice.objects.count() == 0


def test_a_grant_an_unknown_order_and_another_list_have_no_page(operator, gard):
    grant = OrderRowFactory(collectivity=gard)
    order = receive()
    for path in (f"{CHECK}{grant.pk}/", f"{CHECK}999999/", f"/admin/a-traiter/deposer/{order.pk}/"):
        assert operator.get(path).status_code == 404, path


def test_an_order_takes_as_many_queries_however_many_wait(operator, django_assert_num_queries):
    order = receive()
    operator.get(f"{CHECK}{order.pk}/")
    with CaptureQueriesContext(connection) as few:
        operator.get(f"{CHECK}{order.pk}/")
    for days in range(3):
        receive(days=days)
    with django_assert_num_queries(len(few)):
        operator.get(f"{CHECK}{order.pk}/")
