"""« Relevés bancaires »: upload, confirm a page at once, choose by hand, set aside, take back."""

from decimal import Decimal
from html.parser import HTMLParser

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from licensing.books.bank.models import LinePayment, LineState, StatementLine
from licensing.orders.models import Order, OrderState
from licensing.payments.models import Payment
from sites.back_office.bank import PAGE_LINES
from tests.bank.actions import AFTERWARDS, book, choose, receive, upload
from tests.bank.statement_files import FileLine, StatementFile, write_camt, write_cfonb
from tests.factories.orders import OrderFactory
from tests.factories.shop import get_seller
from tests.orders import actions
from tests.sites.back_office import pages

pytestmark = pytest.mark.slow


def page_text(answer):
    return pages.page_text(answer).replace("&nbsp;", " ").replace("\u202f", " ")


def url(name, *args):
    return reverse(f"admin:bank_statementline_{name}", urlconf="config.urls_public", args=args)


PAGE = "/admin/bank/statementline/a-rapprocher/"


def number_of(order):
    return order.invoices.get().number


def mandate(order, amount=None, label="VIR SEPA RECU"):
    return FileLine(str(amount or order.total_ttc), label, (f"MANDAT {number_of(order).replace('-', ' ')}",))


def sent_file(content, name="releve.xml"):
    return {"statement_file": SimpleUploadedFile(name, content)}


class _BrowserForm(HTMLParser):
    """What a browser sends of the page's second form: hidden fields, and boxes and radios that are checked."""

    def __init__(self, html):
        super().__init__()
        self.form, self.sent, self.boxes = 0, {}, 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.form += tag == "form" and values.get("method") == "post"
        if tag != "input" or "name" not in values or values["name"] == "csrfmiddlewaretoken":
            return
        is_choice = values.get("type") in ("checkbox", "radio")
        self.boxes += values.get("type") == "checkbox"
        if not is_choice or "checked" in values:
            self.sent[values["name"]] = values.get("value", "on")


def read_form(answer):
    html = answer.content.decode()
    return _BrowserForm(html[html.index('name="lignes"') - 200 :])


def confirm(operator, **changes):
    """Open the page, and press its button with what is ticked, and with what a person changed."""
    return operator.post(PAGE, read_form(operator.get(PAGE)).sent | changes, follow=True)


def test_a_file_is_uploaded_and_its_sure_lines_are_confirmed_by_one_button(operator):
    paid, other = OrderFactory(confirmed=True), OrderFactory(confirmed=True, classes=10)
    get_seller()
    content = write_camt(StatementFile((mandate(paid), FileLine("12.00", "INTERETS"), FileLine("-5.00", "FRAIS"))))
    page = page_text(operator.post("/admin/bank/statementline/deposer/", sent_file(content), follow=True))
    assert "3 lignes ajoutées, dont 2 à voir." in page
    assert "Sûres : 1 ligne, 199,00" in page
    assert f"La facture {number_of(paid)} est citée, et il reste exactement ce montant à régler." in page
    assert not Payment.objects.exists()
    page = page_text(confirm(operator))
    assert "1 ligne enregistrée : 199,00" in page
    assert "INTERETS" in page
    assert set(Order.objects.values_list("pk", "state")) == {(paid.pk, "paid"), (other.pk, "confirmed")}
    page = page_text(operator.post("/admin/bank/statementline/deposer/", sent_file(content), follow=True))
    assert "0 ligne ajoutée, dont 0 à voir ; 3 étaient déjà là." in page


@pytest.mark.small
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (write_cfonb(StatementFile((FileLine("1.00"),))).replace(b"EUR", b"USD"), "Ligne 1 : la devise « USD »"),
        (write_camt(StatementFile((FileLine("1.00"),), closing="5")), "Il manque des lignes"),
        (write_camt(StatementFile((FileLine("1.00"),), iban="FR1420041010050500013M02606")), "Le vendeur est payé sur"),
        (b"%PDF", "ni un relevé CFONB 120"),
    ],
)
def test_a_file_is_refused_on_the_page_with_what_and_where(operator, content, expected):
    get_seller()
    answer = operator.post("/admin/bank/statementline/deposer/", sent_file(content))
    assert (answer.status_code, expected in page_text(answer)) == (422, True)
    assert not StatementLine.objects.exists()


def test_nothing_is_booked_that_is_not_ticked(operator):
    OrderFactory(confirmed=True, billing__name="Mairie d'Uzès")
    receive(FileLine("199.00", "VIR MAIRIE UZES"))
    page = page_text(operator.get(PAGE))
    assert "Probables : 1 ligne" in page
    assert "Rien n’était coché" in page_text(confirm(operator))
    assert not Payment.objects.exists()


def test_an_ambiguous_line_is_chosen_among_its_proposals(operator):
    _, wanted = OrderFactory(confirmed=True), OrderFactory(confirmed=True)
    [line] = receive(FileLine("199.00", "VIR MAIRIE DE NIMES"))
    form = read_form(operator.get(PAGE))
    assert form.sent[f"choix_{line.pk}"] == ""
    confirm(operator, **{f"choix_{line.pk}": f"o{wanted.pk}:199.00:199.00"})
    assert Payment.objects.get().order == wanted


def test_an_overpayment_is_shown_before_it_is_confirmed(operator):
    order = OrderFactory(confirmed=True)
    [line] = receive(mandate(order, "250.00"))
    page = page_text(operator.get(PAGE))
    assert "dont 51,00 € de trop-perçu" in page
    confirm(operator, **{f"choix_{line.pk}": f"o{order.pk}:250.00:199.00"})
    assert Payment.objects.get().amount == Decimal("250.00")


def test_a_line_that_cannot_be_booked_says_why_and_stays_and_the_rest_is_booked(operator):
    first, second = OrderFactory(confirmed=True), OrderFactory(confirmed=True)
    lines = receive(mandate(first), mandate(second))
    form = read_form(operator.get(PAGE)).sent
    # Meanwhile, somebody records a part by hand.
    actions.pay(first, amount="100")
    answer = operator.post(PAGE, form)
    page = page_text(answer)
    assert answer.status_code == 422
    assert "1 ligne enregistrée" in page
    assert "1 ligne n’a pas pu l’être" in page
    assert "il restait 199,00" in page
    assert page.index("il restait 199,00") < page.index("Chercher une autre commande")
    assert list(StatementLine.objects.order_by("pk").values_list("state", flat=True)) == ["waiting", "booked"]
    # Sent again, as by « recharger »: nothing more happens.
    assert "enregistrée depuis le" in page_text(operator.post(PAGE, form))
    assert LinePayment.objects.filter(line=lines[1]).count() == 1


@pytest.mark.parametrize(("number", "page_lines"), [(2, 1), pytest.param(6, 2, marks=pytest.mark.slow)])
def test_300_mandats_take_ten_clicks(operator, monkeypatch, number, page_lines):
    """Here 6 by pages of 2: the page from home, choosing the file, uploading it, and one button a page."""
    assert PAGE_LINES * 3 >= 300
    monkeypatch.setattr("sites.back_office.bank.PAGE_LINES", page_lines)
    lines = tuple(mandate(OrderFactory(confirmed=True, classes=1)) for _ in range(number))
    assert "relevé bancaire à rapprocher" not in page_text(operator.get("/admin/"))
    upload(StatementFile(lines))
    assert f"{number} lignes de relevé bancaire à rapprocher" in page_text(operator.get("/admin/"))
    clicks = 3
    while StatementLine.objects.filter(state=LineState.WAITING).exists():
        confirm(operator)
        clicks += 1
    assert (clicks, Order.objects.filter(state=OrderState.PAID).count()) == (3 + number // page_lines, number)


def test_what_takes_too_long_is_left_for_another_click(operator, monkeypatch):
    monkeypatch.setattr("sites.back_office.bank.BOOKING_SECONDS", -1.0)
    receive(*(mandate(OrderFactory(confirmed=True, classes=1)) for _ in range(3)))
    page = page_text(confirm(operator))
    assert "1 ligne enregistrée" in page
    assert "2 lignes choisies attendent encore" in page
    assert StatementLine.objects.filter(state=LineState.WAITING).count() == 2


def test_lines_are_found_set_aside_and_taken_back(operator):
    [line] = receive(FileLine("12.00", "INTERETS"))
    page = url("choice", line.pk)
    assert operator.post(page, {"faire": "mettre-de-cote", "reason": ""}).status_code == 422
    operator.post(page, {"faire": "mettre-de-cote", "reason": "Intérêts"})
    shown = page_text(operator.get(page))
    assert "mis de côté (Intérêts)" in shown
    assert "Remettre à voir" in shown
    operator.post(page, {"faire": "reprendre"})
    line.refresh_from_db()
    assert line.state == LineState.WAITING


def test_a_deposit_of_cheques_is_booked_by_the_numbers_of_its_invoices(operator):
    orders = [OrderFactory(confirmed=True, classes=classes) for classes in (1, 5, 10)]
    [line] = receive(FileLine("600.00", "REMISE CHEQUES"))
    page = url("choice", line.pk)
    typed = ", ".join(number_of(order) for order in orders)
    shown = operator.post(page, {"faire": "chercher", "recherche": typed})
    assert [(one.order.pk, one.is_ticked, one.amount) for one in shown.context["choices"]] == [
        (orders[0].pk, True, "49,00"), (orders[1].pk, True, "199,00"), (orders[2].pk, True, "349,00")
    ]  # fmt: skip
    sent = {"faire": "enregistrer", "commande": [order.pk for order in orders]}
    for choice in shown.context["choices"]:
        sent |= {f"montant_{choice.order.pk}": choice.amount, f"reste_{choice.order.pk}": str(choice.order.due)}
    refused = operator.post(page, sent)
    assert refused.status_code == 422
    assert "Répartissez aussi les 3,00" in page_text(refused)
    assert all(choice.is_ticked for choice in refused.context["choices"])
    operator.post(page, sent | {"motif_du_reste": "Chèque d'une autre vente"})
    assert Order.objects.filter(state=OrderState.PAID).count() == 3
    assert set(Payment.objects.values_list("method", flat=True)) == {"cheque"}


@pytest.mark.parametrize("amount", ["", "douze", "199,001", "é" * 500])
def test_a_typed_amount_that_is_none_is_refused(operator, amount):
    order = OrderFactory(confirmed=True)
    [line] = receive(FileLine("199.00"))
    sent = {"faire": "enregistrer", "commande": order.pk, f"montant_{order.pk}": amount, f"reste_{order.pk}": "199.00"}
    answer = operator.post(url("choice", line.pk), sent)
    assert answer.status_code == 422
    assert "n’est pas un montant" in page_text(answer)


def test_a_line_says_what_became_of_its_payment(operator):
    order = OrderFactory(confirmed=True)
    [line] = receive(FileLine("199.00", "VIR MAIRIE"))
    book(line, choose(order))
    page = url("choice", line.pk)
    assert "Erreur de saisie" in page_text(operator.get(page))
    assert page in operator.get(f"/admin/payments/payment/{order.payments.get().pk}/change/").content.decode()
    actions.reverse(order, reason="mistake", at=AFTERWARDS)
    shown = page_text(operator.get(page))
    assert "Annulé le 4 décembre 2026 : 199,00" in shown
    assert "(erreur de saisie)" in shown
    assert "règlement repris depuis" in page_text(operator.get(url("changelist")))
    assert "Remettre à voir" in shown


def test_an_unpaid_cheque_is_reversed_from_its_line(operator):
    order = OrderFactory(confirmed=True)
    payment = actions.pay(order, reference="CHQ 7")
    [line] = receive(FileLine("-199.00", "VIREMENT REJETE"))
    page = page_text(operator.get(PAGE))
    assert "Impayé de 199,00" in page
    confirm(operator, **{f"choix_{line.pk}": f"r{payment.pk}"})
    order.refresh_from_db()
    assert order.state == OrderState.CONFIRMED
    assert payment.taken_back.get().amount == -payment.amount


def test_an_unpaid_line_without_proposal_says_what_to_do(operator):
    [line] = receive(FileLine("-199.00", "VIREMENT REJETE", ("DUPONT 12",), "DUPONT"))
    page = " ".join(page_text(operator.get(PAGE)).split())
    assert "Ouvrir la ligne" in page
    assert "DUPONT – DUPONT" not in page  # named once
    assert "Annulez-le depuis sa commande, avec le motif « Impayé »" in page_text(operator.get(url("choice", line.pk)))


@pytest.mark.small
def test_the_menu_leads_to_the_lines_to_look_at(operator):
    assert f'href="{PAGE}"' in page_text(operator.get("/admin/tout/"))


def test_what_went_out_is_not_taken_off_what_came_in(operator):
    receive(FileLine("-199.00", "VIREMENT REJETE"), FileLine("300.00", "VIR SEPA"))
    page = " ".join(page_text(operator.get(PAGE)).split())
    assert "2 lignes, 300,00 € et 199,00 € au débit" in page


def test_what_waits_is_on_the_home_page_and_in_the_list(operator):
    receive(FileLine("12.00", "INTERETS"), FileLine("-5.00", "FRAIS"))
    assert "1 ligne de relevé bancaire à rapprocher" in page_text(operator.get("/admin/"))
    for query, found in (("interets", 1), ("12,00", 1), ("5", 1), ("rien", 0)):
        assert len(operator.get(url("changelist"), {"q": query}).context["cl"].result_list) == found, query
    line = StatementLine.objects.first()
    assert operator.get(url("change", line.pk))["Location"] == url("choice", line.pk)


@pytest.mark.small
@pytest.mark.parametrize("key", ["x", "o1:1.00:1.00", "o999999:12.00:12.00", "p1", "r1", "é" * 5000])
def test_another_choice_than_the_page_s_is_refused(operator, key):
    [line] = receive(FileLine("12.00", "INTERETS"))
    answer = operator.post(PAGE, {"lignes": f"{line.pk}-0-{10**30}-x", f"choix_{line.pk}": key})
    assert answer.status_code == 422
    assert not Payment.objects.exists()


def test_the_page_takes_as_many_queries_for_a_hundred_lines_as_for_one(operator):
    orders = [OrderFactory(confirmed=True) for _ in range(3)]
    counts = []
    for rank, size in enumerate((1, 99)):
        lines = tuple(
            FileLine("199.00", f"VIR {rank} {place}", (number_of(orders[place % 3]),)) for place in range(size)
        )
        upload(StatementFile(lines, number=str(rank), opening=str(rank)))
        with CaptureQueriesContext(connection) as captured:
            operator.get(PAGE)
        counts.append(len(captured))
    assert counts[0] == counts[1]
