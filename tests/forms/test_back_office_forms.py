"""The forms that we write for the back office. Those of its lists and rows are Django's and unfold's."""

import datetime

import pytest
from django.contrib import admin
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import schema_context

from accounts.models import User
from collectivities.capabilities import Role
from collectivities.operations.members import invite
from collectivities.operations.offices import request_office
from core.calendar import date_in_paris
from licensing.books.bank import operations as bank_operations
from licensing.books.bank.models import StatementLine
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.invoicing import list_undeposited
from licensing.books.billing.models import Invoice, PlatformState
from licensing.books.e_reporting.queries import list_statements
from licensing.catalogue.models import SchoolYear, Seller
from licensing.classes import tokens
from licensing.payments.models import CardPayment, ProviderEvent
from schools.directory.models import DirectorySync, HeldDirectoryFile
from tenants.models import Collectivity, OfficeRequest
from tests.bank.actions import receive
from tests.bank.statement_files import FileLine
from tests.billing.transmission.scripted_platform import PATH, Script
from tests.classes.taught_class import TaughtClass
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import OperatorFactory, UserFactory, enable_second_factor
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.forms.template_tags import marked_templates
from tests.forms.walk import FormWalk

LONG_AGO_AT = timezone.now() - datetime.timedelta(days=40)
LONG_AGO = date_in_paris(LONG_AGO_AT)


@pytest.fixture
def operator(portal):
    user = OperatorFactory()
    portal.force_login(user)
    portal.confirm_identity(user)
    return portal


@pytest.mark.slow
def test_each_control_of_the_back_office_is_read(operator, nimes):
    # Django's and unfold's forms are read by the code that writes them.
    walk = FormWalk(only_ours=True)
    create_rows()
    invitation = invite(email="compta@nimes.example", roles=[Role.BUYER], by=None, at=timezone.now())
    with schema_context("public"), marked_templates():
        request = walk.open(operator, admin_url("index")).wsgi_request
        walk_other_pages(walk, operator)
        walk.open(operator, admin_url("office_invitation", nimes.pk, invitation.pk))
        for model_admin in admin.site._registry.values():  # noqa: SLF001 - the only list there is
            walk_actions(walk, operator, model_admin, request)
        for order in (OrderFactory(current=True, in_review=True), OrderFactory(current=True, scanned=True)):
            walk.open(operator, admin_url("waiting_order", "verifier", order.pk))
    faults = walk.list_faults("back office")
    assert not faults, "\n".join(faults)


def admin_url(name, *args):
    return reverse(f"admin:{name}", urlconf="config.urls_public", args=args)


def create_rows():
    """Create something for every list, and sales of every state that has an action."""
    TaughtClass(SchoolScenario(), pupils=1)
    SchoolScenario().key()
    PurchaseFactory(current=True, placed=True)
    request_office(
        name="Ville d'Alès",
        kind="commune",
        siren="213000078",
        applicant="Awa Diop",
        email="awa@ales.example",
        at=timezone.now(),
    )
    tokens.create(name="Application", by=None, at=timezone.now())
    enable_second_factor(UserFactory(username="avec-deux-facteurs"))
    with schema_context("public"):
        # Of a period that is over.
        OrderFactory(current=True, confirmed=True, at=LONG_AGO_AT)
        # First: numbers follow the order of issue.
        last_month = timezone.now() - datetime.timedelta(days=40)
        OrderFactory(current=True, confirmed=True, at=last_month, billing__cooperative=True)
        Seller.objects.update(e_reporting_from=date_in_paris(last_month))
        # Its invoice lacks what the buyer requires.
        OrderFactory(current=True, placed=True, billing__siret="")
        for state in ("in_review", "placed", "scanned", "confirmed", "paid"):
            OrderFactory(current=True, **{state: True})
        rejected = Invoice.objects.get(order=OrderFactory(current=True, confirmed=True))
        for state in (PlatformState.DEPOSITED, PlatformState.REJECTED):
            billing_operations.record_platform_status(
                invoice_id=rejected.pk, state=state, reason="SIRET inconnu", by=UserFactory(), at=timezone.now()
            )
        card = OrderFactory(current=True, paid_by_card=True).payments.get().card
        CardPayment.objects.filter(pk=card.pk).update(message="Le remboursement a échoué.")
        create_statement_lines()
        ProviderEvent.objects.create(
            variant="stripe", event_id="evt_1", kind="refund.failed", received_at=timezone.now()
        )
    held = DirectorySync.objects.create(
        at=timezone.now(),
        outcome="held",
        reason="Il fermerait 3 écoles.",
        file_name="annuaire.csv",
        full=True,
        closed=3,
    )
    HeldDirectoryFile.objects.create(sync=held, content=b"")


def create_statement_lines():
    """A line that may be one of two orders, one that names an invoice, and two that nothing is like, one set aside."""
    OrderFactory(current=True, confirmed=True)
    invoice, now = Invoice.objects.current().filter(order__state="confirmed").first(), timezone.now()
    day, amount = date_in_paris(now), str(invoice.total_ttc)
    texts = ((amount, "INCONNU"), (amount, invoice.number), ("12.00", "INTERETS"), ("13.00", "APPORT"))
    lines = receive(
        *(FileLine(amount, label, day=day) for amount, label in texts),
        opening_on=day,
        closing_on=day,
    )
    bank_operations.set_line_aside(line_id=lines[-1].pk, reason="Apport", by=UserFactory(), at=now)


def walk_other_pages(walk, operator):
    for name in (
        "global_search",
        "orders_order_grant",
        "classes_applicationtoken_new",
        "billing_invoice_batch",
        "e_reporting_periodreport_changelist",
    ):
        walk.open(operator, admin_url(name))
    period = next(one for one in list_statements(day=date_in_paris(timezone.now())) if one.to_declare)
    walk.open(operator, admin_url("e_reporting_period", period.kind, period.period.begins_on))
    # Its invoices are sent from here: another page asks for a confirmation.
    with override_settings(INVOICE_PLATFORMS={"chorus_pro": (PATH, Script())}):
        walk.open(operator, admin_url("billing_invoice_batch"))
        numbers = "-".join(str(number) for number in list_undeposited().values_list("pk", flat=True))
        walk.post(operator, admin_url("billing_invoice_batch"), {"factures": numbers})
        walk.open(operator, f"{admin_url('billing_invoice_transmit', 'chorus_pro')}?factures={numbers}")
    # First the page of all lines, while each has its proposals.
    walk.open(operator, admin_url("bank_statementline_reconciliation"))
    for line in StatementLine.objects.order_by("-pk"):
        walk.open(operator, admin_url("bank_statementline_choice", line.pk))
    walk.open(operator, f"{admin_url('accounting_accountingsettings_changelist')}?du={LONG_AGO}&au={LONG_AGO}")
    walk.open(operator, admin_url("tenants_officerequest_accept", OfficeRequest.objects.get().pk))
    walk.open(operator, admin_url("tenants_officerequest_decline", OfficeRequest.objects.get().pk))
    walk.open(operator, admin_url("catalogue_schoolyear_renewal", SchoolYear.objects.first().pk))
    walk.open(operator, admin_url("tenants_collectivity_visit", Collectivity.objects.earliest("pk").pk))
    walk.open(operator, admin_url("directory_run", DirectorySync.objects.get().pk))
    user = User.objects.get(username="avec-deux-facteurs")
    walk.open(operator, f"/admin/accounts/user/{user.pk}/double-authentification/")


def walk_actions(walk, operator, model_admin, request):
    """Open the page of each action that is possible for a row, or for the rows of the list."""
    address = admin_url(f"{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist")
    rows = list(model_admin.get_queryset(request))
    for one in getattr(model_admin, "admin_actions", ()):
        for row in [row for row in rows if one.is_available(row)][:1]:
            walk.open(operator, f"{address}{row.pk}/faire/{one.path}/")
    for name in model_admin.get_actions(request):
        walk.post(operator, address, {"action": name, "_selected_action": [row.pk for row in rows[:1]]})
