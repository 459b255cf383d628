"""What tests of sales assert of an order: refusals, rights, e-mails; and of the books: their invariants."""

from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context

from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement
from mailing.models import Message
from sites.audit.checks import set_audited_moment
from sites.audit.invariants import read_invariants
from tests.refusals import refuses


def assert_refused(code, act, /, *given, **named):
    """Assert that the call raises a refusal with that code; return its message with plain spaces."""
    with refuses(code) as refusal:
        act(*given, **named)
    return str(refusal.value).replace("\xa0", " ")


def get_deadlines(order):
    """Return the last day of provisional rights, the payment's due date, and whether rights are suspended."""
    entitlement = Entitlement.objects.get(order_line__order=order)
    return entitlement.provisional_until, entitlement.unpaid_until, entitlement.suspended_at is not None


def is_usable(order, at):
    entitlement = Entitlement.objects.filter(order_line__order=order).first()
    return entitlement is not None and entitlement.suspended_at is None and entitlement.open_until >= date_in_paris(at)


def list_messages(order):
    """Return the messages queued about the order, in order."""
    return Message.objects.filter(topic="order", topic_id=order.pk).order_by("pk")


def list_email_kinds(order):
    """Return the kinds of e-mails queued about the order, in order."""
    with schema_context("public"):
        return [kind.removeprefix("order.") for kind in list_messages(order).values_list("kind", flat=True)]


def list_violations(invariants=None):
    """Return the codes of the violated invariants of the public schema, by default of sales."""
    rules = [rule for rule in invariants or read_invariants("sales") if rule.place == "public"]
    query = " UNION ALL ".join(f"SELECT '{rule.code}' WHERE EXISTS ({rule.sql})" for rule in rules)
    with schema_context("public"), connection.cursor() as cursor:
        set_audited_moment(timezone.now())
        cursor.execute(query)
        return {code for (code,) in cursor.fetchall()}
