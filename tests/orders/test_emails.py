"""E-mails to buyers about their orders, as sent."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import schema_context

from collectivities.models import Member, Role
from licensing.orders import operations
from licensing.orders.models import PublicBody, Seller
from licensing.orders.operations import telling
from mailing import kinds
from mailing.kinds import NoLongerDue
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import AffiliationFactory
from tests.orders import lifecycle
from tests.orders.lifecycle import COOPERATIVE, on

ALL = [value for value in vars(telling).values() if str(value).startswith("order.")]


@pytest.fixture
def clock(db, monkeypatch):
    """Set the current time, TERM at first, and run the countdown at it."""

    def set_to(day):
        monkeypatch.setattr(timezone, "now", lambda: on(day))
        return operations.remind_and_lapse(on(day))

    set_to(0)
    return set_to


def read(order, kind):
    """Return the text of the last e-mail of a kind about an order, with plain spaces."""
    with schema_context("public"):
        message = lifecycle.messages(order).filter(kind=f"order.{kind}").latest("pk")
        sent = kinds.get(message.kind).render(message)
    assert sent.reply_to == Seller.objects.get().email
    return f"{sent.subject}\n{sent.text}".replace("\xa0", " ").replace("\u202f", " ")


def assert_said(order, kind, *parts):
    text = read(order, kind)
    assert [part for part in parts if part not in text] == []


def test_emails_link_to_the_order_pages():
    assert reverse("orders_detail", urlconf="config.urls_public", args=[7]) == "/boutique/commandes/7/"
    assert reverse("purchases:detail", urlconf="config.urls_tenant", args=[7]) == "/achats/7/"


def test_every_queued_kind_of_email_has_a_renderer():
    assert len(ALL) == 11
    assert [kind for kind in ALL if not kinds.is_known(kind)] == []


def test_a_principal_is_emailed_from_the_first_day_to_the_refund(clock):
    by = lifecycle.operator()
    order = lifecycle.placed()
    page = f"/boutique/commandes/{order.pk}/"
    assert_said(
        order, "placed", "5 licences sont dans « Mon compte »", "jusqu'au 8 janvier 2027 inclus", "199,00 € TTC", page
    )  # fmt: skip
    clock(30)
    assert_said(order, "reminder", "prennent fin le 8 janvier 2027", "75005 Paris", "régler par carte", page)
    clock(44)
    assert_said(order, "reminder", "prennent fin demain")
    scan = lifecycle.upload(order, at=on(44))
    operations.refuse_scan(scan_id=scan.pk, reason="La signature manque.", by=by, at=on(44))
    assert_said(order, "scan_refused", "« bon.pdf »", "La signature manque.", "jusqu'au 8 janvier 2027 inclus")
    clock(46)
    assert_said(order, "lapsed", "ont pris fin le 8 janvier 2027 : nous n'avons pas reçu", "Rien n'est supprimé")
    scan = lifecycle.upload(order, at=on(47))
    assert_said(order, "lapsed", "Nous avons reçu votre document le 10 janvier 2027 : nous le vérifions.")
    operations.refuse_scan(scan_id=scan.pk, reason="Illisible.", by=by, at=on(48))
    assert_said(order, "scan_refused", "ont pris fin : vos licences sont en pause")
    operations.prolong(order_id=order.pk, until=on(60).date(), by=by, at=on(48))
    assert_said(order, "prolonged", "courent désormais jusqu'au 23 janvier 2027 inclus", "signer et tamponner")
    invoice = operations.confirm(order_id=order.pk, by=by, at=on(50))
    assert_said(
        order, "invoiced", f"facture {invoice.number}", "Chorus Pro, au nom de « Mairie de Nîmes »",
        "199,00 € sont à régler au plus tard le 12 février 2027", "jusqu'au 27 février 2027",
    )  # fmt: skip
    again = operations.reinvoice(invoice_id=invoice.pk, reason="Rejetée.", by=by, at=on(51))
    assert_said(order, "invoiced", f"{again.number} remplace la facture {invoice.number}, annulée par l'avoir P2027-")
    payment = lifecycle.pay(order, at=on(60))
    assert_said(order, "paid", "définitifs, jusqu'au 31 août 2027 inclus", f"facture {again.number}")
    operations.cancel(order_id=order.pk, reason="L'école ferme.", by=by, at=on(61))
    assert_said(order, "cancelled", "L'école ferme.", f"annule la facture {again.number}", "199,00 € que nous avons")
    operations.refund(payment_id=payment.pk, by=by, at=on(62))
    assert_said(order, "refunded", "199,00 €, par virement", "La commande est annulée.", "du 24 novembre 2026")


def test_the_suspension_email_says_how_to_restore_the_licences(clock):
    order = lifecycle.confirmed()
    by = lifecycle.operator()
    clock(50)
    operations.suspend(order_id=order.pk, by=by, at=on(50))
    assert_said(
        order, "suspended", "La facture P2026-000001 n'est pas réglée", "couraient jusqu'au 8 janvier 2027",
        "Rien n'est supprimé", "dès que le règlement nous parvient",
    )  # fmt: skip
    operations.restore(order_id=order.pk, by=by, at=on(51))
    assert_said(order, "restored", "jusqu'au 31 août 2027 inclus, sous réserve du règlement")
    with pytest.raises(NoLongerDue):
        read(order, "suspended")
    early = lifecycle.placed()
    operations.suspend(order_id=early.pk, by=by, at=on(50))
    assert_said(early, "suspended", "Nous avons suspendu les licences de votre commande.")


def test_resumed_licences_are_announced_once(clock):
    by = lifecycle.operator()
    late = lifecycle.lapsed()
    clock(47)
    invoice = lifecycle.confirm(late, at=on(47))
    assert_said(late, "invoiced", "en pause, ont repris où elles en étaient")
    operations.reinvoice(invoice_id=invoice.pk, reason="Rejetée.", by=by, at=on(47))
    assert "en pause" not in read(late, "invoiced")
    lifecycle.pay(late, at=on(47))
    assert "en pause" not in read(late, "paid")
    held = lifecycle.confirmed()
    operations.suspend(order_id=held.pk, by=by, at=on(47))
    lifecycle.pay(held, at=on(47))
    assert_said(held, "paid", "Ce qui était en pause a repris où il en était.")
    still = lifecycle.lapsed()
    operations.suspend(order_id=still.pk, by=by, at=on(47))
    lifecycle.confirm(still, at=on(47))
    assert "ont repris" not in read(still, "invoiced")


def test_a_cooperative_gets_its_invoice_and_a_teacher_their_licence_email(clock):
    order = lifecycle.draft()
    lifecycle.put(order, billing=COOPERATIVE)
    operations.confirm(order_id=order.pk, by=lifecycle.operator(), at=TERM)
    assert_said(order, "invoiced", "Transmettez-la à « OCCE 30 », qui la règle")
    own = lifecycle.draft(classes=1, affiliation=AffiliationFactory(user=TeacherFactory()))
    lifecycle.choose(own, billing=COOPERATIVE)
    operations.settle_by_card(card_payment_id=lifecycle.charged(own).pk, at=TERM)
    assert lifecycle.told(own) == ["paid"]
    assert_said(own, "paid", "Votre licence est active", "49,00 € TTC")


def test_a_buyer_who_pays_is_not_asked_to_forward_the_invoice(clock):
    order = lifecycle.draft(classes=1, affiliation=AffiliationFactory(user=TeacherFactory()))
    own = lifecycle.but(COOPERATIVE, payer="other", name=order.placed_by.get_full_name())
    lifecycle.put(order, billing=own)
    assert_said(order, "placed", "complétez-le s'il le faut, signez-le, puis renvoyez-le par courrier")
    operations.confirm(order_id=order.pk, by=lifecycle.operator(), at=TERM)
    assert_said(order, "invoiced", "Réglez-la par virement ou par chèque : elle porte nos coordonnées bancaires.")
    assert "Transmettez" not in read(order, "invoiced")


def test_resumed_licences_are_announced_by_the_email_of_the_cause_alone(clock):
    by = lifecycle.operator()
    lapsed = lifecycle.lapsed()
    first = operations.confirm(order_id=lapsed.pk, by=by, at=on(47))
    assert_said(lapsed, "invoiced", "Vos licences, qui étaient en pause, ont repris")
    operations.reinvoice(invoice_id=first.pk, reason="Rejetée.", by=by, at=on(48))
    assert "en pause" not in read(lapsed, "invoiced")
    lifecycle.pay(lapsed, at=on(60))
    assert "en pause" not in read(lapsed, "paid")
    by_card = lifecycle.lapsed()
    operations.settle_by_card(card_payment_id=lifecycle.charged(by_card).pk, at=on(47))
    assert_said(by_card, "paid", "Ce qui était en pause a repris où il en était.")
    suspended = lifecycle.confirmed()
    operations.suspend(order_id=suspended.pk, by=by, at=on(50))
    lifecycle.pay(suspended, at=on(60))
    assert_said(suspended, "paid", "Ce qui était en pause a repris où il en était.")
    restored = lifecycle.confirmed()
    operations.suspend(order_id=restored.pk, by=by, at=on(50))
    operations.restore(order_id=restored.pk, by=by, at=on(51))
    lifecycle.pay(restored, at=on(60))
    assert "en pause" not in read(restored, "paid")


def test_emails_agree_in_number_with_licences_and_missing_data(clock, nimes):
    siret = lifecycle.DEPARTEMENT.siret
    PublicBody.objects.create(
        siret=siret, name="Département du Gard", service_required=True, engagement_required=True, changed_at=TERM
    )
    order = lifecycle.collectivity_draft(nimes, units=1)
    lifecycle.put(order)
    assert_said(
        order, "placed", "vous pouvez en attribuer la licence.",
        "il nous manque encore des informations ; complétez-les",
    )  # fmt: skip


def test_a_collectivity_s_email_lists_the_missing_invoice_data(clock, nimes):
    order = lifecycle.collectivity_draft(nimes)
    lifecycle.put(order, billing=lifecycle.but(lifecycle.DEPARTEMENT, siret=""))
    assert_said(
        order, "placed", "Le lot « Achat 2026-2027 (commande n° ", "2 000 × Licences", "//nimes.",
        f"/achats/{order.pk}/", "il nous manque encore une information", "Indiquez le SIRET de votre collectivité",
    )  # fmt: skip
    assert "carte" not in read(order, "placed")


def test_the_other_buyers_are_emailed_once_the_buyer_left_the_office(clock, nimes):
    order = lifecycle.collectivity_draft(nimes)
    lifecycle.put(order)
    colleague = MemberFactory(roles=[Role.BUYER]).user
    MemberFactory(roles=[Role.VIEWER])
    with schema_context("public"):
        assert [one.recipient for one in lifecycle.messages(order)] == [order.placed_by.email]
    Member.objects.filter(user=order.placed_by).update(left_at=TERM)
    clock(30)
    with schema_context("public"):
        last = lifecycle.messages(order).last()
        assert (last.kind, last.recipient, last.context["user"]) == (telling.REMINDER, colleague.email, colleague.pk)
    Member.objects.filter(user=colleague).update(left_at=TERM)
    assert clock(40) == (1, 0)
    assert lifecycle.told(order) == ["placed", "reminder"]


#: A queued e-mail, and the later event that makes it outdated.
OVERTAKEN = {
    "placed": (lifecycle.placed, lifecycle.upload),
    "reminder": (lambda: lifecycle.waited(30), lifecycle.upload),
    "lapsed": (lifecycle.lapsed, lifecycle.confirm),
    "scan_refused": (lifecycle.scan_refused, lambda order: lifecycle.upload(order, content=b"%PDF-1.7 le bon")),
    "prolonged": (lifecycle.prolonged, lambda order: operations.suspend(order_id=order.pk, by=None, at=TERM)),
    "invoiced": (lifecycle.confirmed, lifecycle.cancel),
    "paid": (lifecycle.paid, lifecycle.cancel),
}


@pytest.mark.parametrize("kind", OVERTAKEN)
def test_an_outdated_email_is_not_sent(kind, clock):
    make, happens = OVERTAKEN[kind]
    order = make()
    read(order, kind)
    happens(order)
    with pytest.raises(NoLongerDue):
        read(order, kind)


def test_a_deleted_account_is_not_emailed(clock):
    order = lifecycle.placed()
    order.placed_by.is_active = False
    order.placed_by.save()
    with pytest.raises(NoLongerDue):
        read(order, "placed")
    assert clock(30) == (1, 0)
    assert lifecycle.told(order) == ["placed"]
