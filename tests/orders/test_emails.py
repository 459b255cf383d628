"""E-mails to buyers about their orders, as sent."""

import pytest
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import schema_context

from collectivities.capabilities import Role
from collectivities.models import Member
from licensing.books.billing import operations as billing_operations
from licensing.catalogue.models import Seller
from licensing.orders import billing_details, operations, order_events, purchase_orders
from licensing.orders.models import PublicBody
from licensing.payments import operations as payment_operations
from mailing import kinds
from mailing.kinds import NoLongerDue
from tests.conftest import TERM
from tests.factories.accounts import OperatorFactory, TeacherFactory
from tests.factories.billing_details import PAYER_SIRET, BillingDetailsFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.orders.assertions import list_email_kinds, list_messages
from tests.orders.dates import at_day
from tests.tiers import sampled

pytestmark = pytest.mark.slow

EMAIL_KINDS = [value for value in order_events.notify_buyer.__globals__.values() if str(value).startswith("order.")]


@pytest.fixture
def clock(db, monkeypatch):
    """Set the current time, TERM at first, and run the countdown at it."""

    def set_to(day):
        monkeypatch.setattr(timezone, "now", lambda: at_day(day))
        return purchase_orders.remind_and_lapse(at_day(day))

    set_to(0)
    return set_to


def get_email_text(order, kind):
    """Return the text of the last e-mail of a kind about an order, with plain spaces."""
    with schema_context("public"):
        message = list_messages(order).filter(kind=f"order.{kind}").latest("pk")
        sent = kinds.get(message.kind).render(message)
    assert sent.reply_to == Seller.objects.get().email
    return f"{sent.subject}\n{sent.text}".replace("\xa0", " ").replace("\u202f", " ")


def assert_email_contains(order, kind, *parts):
    text = get_email_text(order, kind)
    assert [part for part in parts if part not in text] == []


@pytest.mark.small
def test_emails_link_to_the_order_pages():
    assert reverse("orders_detail", urlconf="config.urls_public", args=[7]) == "/boutique/commandes/7/"
    assert reverse("purchases:detail", urlconf="config.urls_tenant", args=[7]) == "/achats/7/"


@pytest.mark.small
def test_every_queued_kind_of_email_has_a_renderer():
    assert len(EMAIL_KINDS) == 22
    assert [kind for kind in EMAIL_KINDS if not kinds.is_known(kind)] == []


def test_a_principal_is_emailed_from_the_first_day_to_the_refund(clock):
    by = OperatorFactory()
    order = OrderFactory(placed=True)
    page = f"/boutique/commandes/{order.pk}/"
    assert_email_contains(
        order, "placed", "5 licences sont dans « Mon compte »", "jusqu'au 8 janvier 2027 inclus", "199,00 € TTC", page
    )  # fmt: skip
    clock(30)
    assert_email_contains(order, "reminder", "prennent fin le 8 janvier 2027", "75005 Paris", "régler par carte", page)
    clock(44)
    assert_email_contains(order, "reminder", "prennent fin demain")
    scan = actions.upload(order, at=at_day(44))
    assert_email_contains(
        order, "scan_received", "« bon.pdf », déposé le 7 janvier 2027", "vos licences ne s'arrêteront pas entre-temps"
    )
    purchase_orders.refuse_scan(scan_id=scan.pk, reason="La signature manque.", by=by, at=at_day(44))
    assert_email_contains(
        order, "scan_refused", "« bon.pdf »", "La signature manque.", "jusqu'au 8 janvier 2027 inclus"
    )
    clock(46)
    assert_email_contains(
        order, "lapsed", "ont pris fin le 8 janvier 2027 : nous n'avons pas reçu", "Rien n'est supprimé"
    )
    scan = actions.upload(order, at=at_day(47))
    assert_email_contains(order, "lapsed", "Nous avons reçu votre document le 10 janvier 2027 : nous le vérifions.")
    purchase_orders.refuse_scan(scan_id=scan.pk, reason="Illisible.", by=by, at=at_day(48))
    assert_email_contains(order, "scan_refused", "ont pris fin : vos licences sont en pause")
    purchase_orders.prolong(order_id=order.pk, until=at_day(60).date(), by=by, at=at_day(48))
    assert_email_contains(
        order, "prolonged", "courent désormais jusqu'au 23 janvier 2027 inclus", "signer et tamponner"
    )
    invoice = billing_operations.confirm(order_id=order.pk, by=by, at=at_day(50))
    assert_email_contains(
        order, "invoiced", f"facture {invoice.number}", "Chorus Pro, au nom de « Mairie de Nîmes »",
        "199,00 € sont à régler au plus tard le 12 février 2027", "jusqu'au 27 février 2027",
    )  # fmt: skip
    again = billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="Rejetée.", by=by, at=at_day(51))
    assert_email_contains(
        order, "invoiced", f"{again.number} remplace la facture {invoice.number}, annulée par l'avoir P2027-"
    )
    payment = actions.pay(order, at=at_day(60))
    assert_email_contains(order, "paid", "définitifs, jusqu'au 31 août 2027 inclus", f"facture {again.number}")
    billing_operations.cancel(order_id=order.pk, reason="L'école ferme.", by=by, at=at_day(61))
    assert_email_contains(
        order, "cancelled", "L'école ferme.", f"annule la facture {again.number}", "199,00 € que nous avons"
    )
    payment_operations.refund(payment_id=payment.pk, by=by, at=at_day(62))
    assert_email_contains(
        order, "refunded", "199,00 €, par virement", "La commande est annulée.", "du 24 novembre 2026"
    )


def test_the_suspension_email_says_how_to_restore_the_licences(clock):
    order = OrderFactory(confirmed=True)
    by = OperatorFactory()
    clock(50)
    operations.suspend(order_id=order.pk, by=by, at=at_day(50))
    assert_email_contains(
        order, "suspended", "La facture P2026-000001 n'est pas réglée", "couraient jusqu'au 8 janvier 2027",
        "Rien n'est supprimé", "dès que le règlement nous parvient",
    )  # fmt: skip
    operations.restore(order_id=order.pk, by=by, at=at_day(51))
    assert_email_contains(order, "restored", "jusqu'au 31 août 2027 inclus, sous réserve du règlement")
    with pytest.raises(NoLongerDue):
        get_email_text(order, "suspended")
    early = OrderFactory(placed=True)
    operations.suspend(order_id=early.pk, by=by, at=at_day(50))
    assert_email_contains(early, "suspended", "Nous avons suspendu les licences de votre commande.")


def test_the_email_on_a_bounced_payment_says_what_is_owed_and_until_when(clock):
    order = OrderFactory(paid=True)
    actions.reverse(order)
    assert_email_contains(
        order, "payment_reversed", "votre virement a été rejeté", "Votre virement a été rejeté (VIR 1)",
        "199,00 € restent à régler sur la facture P2026-000001", "jusqu'au 8 janvier 2027 inclus",
    )  # fmt: skip
    clock(50)
    assert_email_contains(order, "payment_reversed", "arrivés à leur terme")
    actions.pay(order, at=at_day(50))
    with pytest.raises(NoLongerDue):
        get_email_text(order, "payment_reversed")


def test_the_email_on_a_moved_overpayment_names_the_order_that_it_pays(clock):
    order, owed = OrderFactory(confirmed=True), OrderFactory(confirmed=True)
    actions.pay(order, amount="249")
    actions.move(order, owed, amount="50")
    assert_email_contains(order, "surplus_moved", f"50,00 € sont reportés sur la commande n° {owed.pk}")


def test_resumed_licences_are_announced_once(clock):
    by = OperatorFactory()
    late = OrderFactory(lapsed=True)
    clock(47)
    invoice = actions.confirm(late, at=at_day(47))
    assert_email_contains(late, "invoiced", "en pause, ont repris où elles en étaient")
    billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="Rejetée.", by=by, at=at_day(47))
    assert "en pause" not in get_email_text(late, "invoiced")
    actions.pay(late, at=at_day(47))
    assert "en pause" not in get_email_text(late, "paid")
    held = OrderFactory(confirmed=True)
    operations.suspend(order_id=held.pk, by=by, at=at_day(47))
    actions.pay(held, at=at_day(47))
    assert_email_contains(held, "paid", "Ce qui était en pause a repris où il en était.")
    still = OrderFactory(lapsed=True)
    operations.suspend(order_id=still.pk, by=by, at=at_day(47))
    actions.confirm(still, at=at_day(47))
    assert "ont repris" not in get_email_text(still, "invoiced")


def test_a_cooperative_gets_its_invoice_and_a_teacher_their_licence_email(clock):
    order = OrderFactory(placed=True, billing__cooperative=True)
    billing_operations.confirm(order_id=order.pk, by=OperatorFactory(), at=TERM)
    assert_email_contains(order, "invoiced", "Transmettez-la à « OCCE 30 », qui la règle")
    own = OrderFactory(paid_by_card=True, classes=1, affiliation__user=TeacherFactory(), billing__cooperative=True)
    assert list_email_kinds(own) == ["paid"]
    assert_email_contains(own, "paid", "Votre licence est active", "49,00 € TTC")


def test_a_long_name_is_whole_on_the_invoice_and_cut_in_the_email(clock):
    name = "Association des parents d'élèves de l'école élémentaire publique Jean Jaurès"
    order = OrderFactory(placed=True, billing__cooperative=True, billing__name=name)
    invoice = billing_operations.confirm(order_id=order.pk, by=OperatorFactory(), at=TERM)
    assert_email_contains(order, "invoiced", f"Transmettez-la à « {name[:59]}… », qui la règle")
    assert invoice.snapshot["buyer"]["name"] == name


def test_a_buyer_who_pays_is_not_asked_to_forward_the_invoice(clock):
    teacher = TeacherFactory()
    own = BillingDetailsFactory(cooperative=True, payer="other", name=teacher.get_full_name())
    order = OrderFactory(placed=True, classes=1, affiliation__user=teacher, billing=own)
    assert_email_contains(order, "placed", "complétez-le s'il le faut, signez-le, puis renvoyez-le par courrier")
    billing_operations.confirm(order_id=order.pk, by=OperatorFactory(), at=TERM)
    assert_email_contains(
        order, "invoiced", "Réglez-la par virement ou par chèque : elle porte nos coordonnées bancaires."
    )
    assert "Transmettez" not in get_email_text(order, "invoiced")


def test_the_email_on_an_invoice_says_the_way_that_was_frozen_with_it(clock):
    """Chorus Pro's directory may know the payer since: the invoice goes where it was issued for."""
    public, other = OrderFactory(confirmed=True), OrderFactory(confirmed=True, billing__payer="other")
    PublicBody.objects.create(siret=other.siret, name="Syndicat", changed_at=TERM)
    assert_email_contains(public, "invoiced", "Nous la déposons sur Chorus Pro, au nom de")
    text = get_email_text(other, "invoiced")
    assert "Chorus Pro" not in text
    assert "elle porte nos coordonnées bancaires" in text


def test_resumed_licences_are_announced_by_the_email_of_the_cause_alone(clock):
    by = OperatorFactory()
    lapsed = OrderFactory(lapsed=True)
    first = billing_operations.confirm(order_id=lapsed.pk, by=by, at=at_day(47))
    assert_email_contains(lapsed, "invoiced", "Vos licences, qui étaient en pause, ont repris")
    billing_operations.reissue_invoice(invoice_id=first.pk, reason="Rejetée.", by=by, at=at_day(48))
    assert "en pause" not in get_email_text(lapsed, "invoiced")
    actions.pay(lapsed, at=at_day(60))
    assert "en pause" not in get_email_text(lapsed, "paid")
    by_card = OrderFactory(lapsed=True)
    actions.settle_by_card(by_card, at=at_day(47))
    assert_email_contains(by_card, "paid", "Ce qui était en pause a repris où il en était.")
    suspended = OrderFactory(confirmed=True)
    operations.suspend(order_id=suspended.pk, by=by, at=at_day(50))
    actions.pay(suspended, at=at_day(60))
    assert_email_contains(suspended, "paid", "Ce qui était en pause a repris où il en était.")
    restored = OrderFactory(confirmed=True)
    operations.suspend(order_id=restored.pk, by=by, at=at_day(50))
    operations.restore(order_id=restored.pk, by=by, at=at_day(51))
    actions.pay(restored, at=at_day(60))
    assert "en pause" not in get_email_text(restored, "paid")


def test_emails_agree_in_number_with_licences_and_missing_data(clock, nimes):
    PublicBody.objects.create(
        siret=PAYER_SIRET, name="Ville de Nîmes", service_required=True, engagement_required=True, changed_at=TERM
    )
    order = PurchaseFactory(placed=True, units=1)
    assert_email_contains(
        order, "placed", "vous pouvez en attribuer la licence.",
        "il nous manque encore des informations ; complétez-les",
    )  # fmt: skip


def test_a_collectivity_s_email_lists_the_missing_invoice_data(clock, nimes):
    order = PurchaseFactory(placed=True, billing__siret="")
    assert_email_contains(
        order, "placed", "Le lot « Achat 2026-2027 (commande n° ", "2 000 × Licences", "//nimes.",
        f"/achats/{order.pk}/", "il nous manque encore une information", "Indiquez le SIRET de votre collectivité",
    )  # fmt: skip
    assert "carte" not in get_email_text(order, "placed")


def test_the_other_buyers_are_emailed_once_the_buyer_left_the_office(clock, nimes):
    order = PurchaseFactory(placed=True)
    colleague = MemberFactory(roles=[Role.BUYER]).user
    MemberFactory(roles=[Role.VIEWER])
    with schema_context("public"):
        assert [one.recipient for one in list_messages(order)] == [order.placed_by.email]
    Member.objects.filter(user=order.placed_by).update(left_at=TERM)
    clock(30)
    with schema_context("public"):
        last = list_messages(order).last()
        assert (last.kind, last.recipient, last.context["user"]) == (
            order_events.REMINDER,
            colleague.email,
            colleague.pk,
        )
    Member.objects.filter(user=colleague).update(left_at=TERM)
    assert clock(40) == (1, 0)
    assert list_email_kinds(order) == ["placed", "reminder"]


#: A queued e-mail; the state of the order that queues it, and the later event that makes it outdated.
OUTDATED_EMAILS = {
    "placed": ("placed", actions.upload),
    "reminder": ("reminded", actions.upload),
    "lapsed": ("lapsed", actions.confirm),
    "scan_received": ("scanned", actions.confirm),
    "scan_refused": ("scan_refused", lambda order: actions.upload(order, content=b"%PDF-1.7 le bon")),
    "prolonged": ("prolonged", lambda order: operations.suspend(order_id=order.pk, by=None, at=TERM)),
    "invoiced": ("confirmed", actions.cancel),
    "paid": ("paid", actions.cancel),
}


@pytest.mark.parametrize("kind", sampled(OUTDATED_EMAILS, fast=2))
def test_an_outdated_email_is_not_sent(kind, clock):
    state, happens = OUTDATED_EMAILS[kind]
    order = OrderFactory(**{state: True})
    get_email_text(order, kind)
    happens(order)
    with pytest.raises(NoLongerDue):
        get_email_text(order, kind)


def test_a_deleted_account_is_not_emailed(clock):
    order = OrderFactory(placed=True)
    order.placed_by.is_active = False
    order.placed_by.save()
    with pytest.raises(NoLongerDue):
        get_email_text(order, "placed")
    assert clock(30) == (1, 0)
    assert list_email_kinds(order) == ["placed"]


def test_the_emails_say_plainly_what_is_open_and_until_when(clock):
    order = OrderFactory(in_review=True)
    assert_email_contains(
        order, "in_review",
        "enregistrée, à vérifier avant d'ouvrir vos droits",
        "Vos licences ne sont pas encore ouvertes",
        "leurs 45 jours ne commencent pas avant",
    )  # fmt: skip
    scan = actions.upload(order)
    assert_email_contains(order, "scan_received", "et vos licences sont ouvertes")
    purchase_orders.refuse_scan(scan_id=scan.pk, reason="Illisible.", by=OperatorFactory(), at=TERM)
    assert_email_contains(order, "scan_refused", "Illisible.", "nous vérifions d'abord la commande")
    operations.open_reviewed_order(order_id=order.pk, by=OperatorFactory(), at=TERM)
    assert_email_contains(
        order, "rights_opened",
        "vos droits temporaires sont ouverts jusqu'au 8 janvier 2027",
        "Vos 10 licences sont dans « Mon compte »",
        "les droits s'arrêtent le lendemain",
    )  # fmt: skip
    # What was not sent by then has nothing left to say.
    with pytest.raises(NoLongerDue):
        get_email_text(order, "in_review")


def test_the_email_on_a_correction_names_the_payer(clock):
    order = OrderFactory(placed=True)
    billing = BillingDetailsFactory(name="Commune de Nîmes")
    billing_operations.correct_billing_details(order_id=order.pk, billing=billing, by=OperatorFactory(), at=TERM)
    assert_email_contains(order, "corrected", "au nom de « Commune de Nîmes »", "Écrivez-nous à")
    actions.cancel(order)
    with pytest.raises(NoLongerDue):
        get_email_text(order, "corrected")


def test_the_email_on_a_refusal_says_that_nothing_was_opened(clock):
    order = OrderFactory(in_review=True)
    billing_operations.cancel(order_id=order.pk, reason="Établissement inconnu.", by=OperatorFactory(), at=TERM)
    assert_email_contains(order, "cancelled", "Établissement inconnu.", "Elle n'avait ouvert aucun droit.")


def test_the_buyer_reads_the_corrected_total_and_why_there_is_no_vat(clock):
    order = OrderFactory(placed=True)
    mention = "Exonération de TVA, article 151 de la directive 2006/112/CE."
    billing_details.correct_vat(
        order_id=order.pk, treatment="exempt", exemption=mention, reason="Attestation.", by=OperatorFactory(), at=TERM
    )
    assert_email_contains(order, "vat_corrected", "de 0 %", "199,00 € HT, 199,00 € TTC", mention, "établi de nouveau")
