"""Sample objects for each office route with arguments, created in the current schema.

Their ids are those of the schema's sequences, which no two offices of the tests share (`tests.conftest`).
"""

import datetime
import itertools

from django.utils import timezone

from api import tokens
from api.models import TokenScope
from collectivities.capabilities import Role
from collectivities.models import Invitation
from core.connections import connection
from imports.columns import Meaning
from imports.enums import ImportState, Purpose, Verdict
from imports.layout import Layout
from imports.models import AnnotatedFile, ImportFile, ImportRow, SpreadsheetImport
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import BillingDocument
from licensing.orders.models import OrderKind, OrderState
from licensing.plans.rebalancing.models import Rebalancing
from licensing.pools.models import Allocation
from licensing.reminders.models import Reminder
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import KeyFactory, OrderLineFactory, OrderRowFactory, PoolFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.orders import actions
from tests.returns.given_school import GivenSchool
from webhooks import endpoints

#: Numbers and texts that two rows may not share.
_numbers = itertools.count(900_000_001)


def member():
    return {"pk": MemberFactory(roles=[Role.VIEWER]).pk}


def invitation():
    number = next(_numbers)
    made = Invitation.objects.create(
        email=f"i{number}@exemple.example",
        roles=[Role.VIEWER],
        nonce=str(number),
        token_hash=str(number),
        created_at=TERM,
        expires_at=TERM + datetime.timedelta(days=14),
    )
    return {"pk": made.pk}


def token():
    now = timezone.now()
    ends = now + datetime.timedelta(days=9)
    return {"pk": tokens.create(name="SI", scopes=[TokenScope.READ], expires_at=ends, by=None, at=now).token.pk}


def message():
    made = Message.objects.create(
        kind="invitation",
        recipient="a@exemple.example",
        topic="invitation",
        topic_id=invitation()["pk"],
        created_at=TERM,
        due_at=TERM,
    )
    return {"pk": made.pk}


def portfolio_school():
    return {"uai": PortfolioSchoolFactory().school_id}


def mapped_school():
    return {"uai": PortfolioSchoolFactory(school=SchoolFactory(latitude=43.8, longitude=4.3)).school_id}


def map_state():
    return {"state": "none"}


def school():
    return {"uai": SchoolFactory().uai}


def spreadsheet_import():
    made = SpreadsheetImport.objects.create(
        pool=PoolFactory(), filename="a.csv", size=1, state=ImportState.CHECKED, created_at=TERM
    )
    ImportFile.objects.create(of=made, content=b"a")
    AnnotatedFile.objects.create(of=made, content=b"a", asked_at=TERM, made_at=TERM)
    return {"pk": made.pk}


def numbered_list():
    """A list of schools with a column of licences."""
    made = SpreadsheetImport.objects.create(
        purpose=Purpose.PORTFOLIO,
        filename="a.csv",
        size=1,
        state=ImportState.CHECKED,
        layout=Layout(titles=["UAI", "Licences"], columns={Meaning.UNITS: 1}),
        created_at=TERM,
    )
    return {"pk": made.pk}


def purpose():
    return {"purpose": "allocation"}


def row():
    made = spreadsheet_import()
    ImportRow.objects.create(import_id=made["pk"], number=2, verdict=Verdict.ERROR)
    return made | {"sheet": 0, "number": 2}


def allocation():
    lot = PoolFactory()
    key = KeyFactory(entitlement=lot.entitlement)
    made = Allocation.objects.create(
        pool=lot, school=key.school, key=key, units=key.units, recipient="a@exemple.example", created_at=TERM
    )
    return {"pk": made.pk}


def pool():
    return {"pk": PoolFactory().pk}


def reminder():
    """A planned reminder."""
    row = Allocation.objects.get(pk=allocation()["pk"])
    made = Reminder.objects.create(
        allocation=row, school_id=row.school_id, cause="unredeemed", step=10, planned_for=TERM.date()
    )
    return {"pk": made.pk}


def return_request():
    """A request of a school that redeemed its key."""
    return {"pk": GivenSchool(connection.tenant, at=timezone.now()).ask(at=timezone.now()).pk}


def rebalancing():
    """What was applied a moment ago."""
    return {"pk": Rebalancing.objects.create(pool=PoolFactory(), from_free=0, applied_at=timezone.now()).pk}


def purchase():
    """A draft order of the current collectivity, created directly: a price list per route would be slow."""
    order = OrderRowFactory(
        kind=OrderKind.PURCHASE,
        state=OrderState.DRAFT,
        reason="",
        placed_at=None,
        placed_by=UserFactory(),
        quote_number=f"DV2026-{next(_numbers)}",
        quoted_at=TERM,
        quote_until=TERM.date(),
    )
    OrderLineFactory(order=order)
    BillingDocument.objects.create(kind="quote", order=order, number=order.quote_number, content=b"%PDF-", made_at=TERM)
    return {"pk": order.pk}


def placed_purchase():
    return {"pk": PurchaseFactory(placed=True).pk}


def purchase_scan():
    order = PurchaseFactory(placed=True)
    return {"pk": order.pk, "number": actions.upload(order).pk}


def purchase_invoice():
    order = PurchaseFactory(placed=True)
    invoice = billing_operations.confirm(order_id=order.pk, by=order.placed_by, at=TERM)
    return {"pk": order.pk, "number": invoice.number}


def webhook():
    url = f"https://si.exemple.fr/{next(_numbers)}"
    return {"pk": endpoints.add(url=url, types=[], by_id=None, at=TERM).endpoint.pk}


def webhook_delivery():
    named = webhook()
    return named | {"number": endpoints.send_test(endpoint_id=named["pk"], at=TERM).pk}


#: Routes whose object is public (the national directory) or absent: it belongs to no collectivity.
PUBLIC_OBJECTS = {"imports:template", "map_state", "school"}

#: Route name → factory of its arguments. A route with arguments that is missing here fails the test.
SAMPLES = {
    "imports:template": purpose,
    "imports:corrected": spreadsheet_import,
    "imports:give": spreadsheet_import,
    "imports:report": spreadsheet_import,
    "imports:detail": spreadsheet_import,
    "imports:applied_rows": spreadsheet_import,
    "imports:progress": spreadsheet_import,
    "imports:file": spreadsheet_import,
    "imports:choose": spreadsheet_import,
    "imports:row": row,
    "imports:bulk": spreadsheet_import,
    "imports:take_up": spreadsheet_import,
    "imports:annotate": spreadsheet_import,
    "imports:annotated": spreadsheet_import,
    "imports:confirm": spreadsheet_import,
    "imports:cancel": spreadsheet_import,
    "imports:request_application": spreadsheet_import,
    "imports:withdraw_request": spreadsheet_import,
    "imports:undo": spreadsheet_import,
    "tokens:revoke": token,
    "members:withdraw": invitation,
    "members:roles": member,
    "members:remove": member,
    "pools:allocation": allocation,
    "pools:restore_one": allocation,
    "pools:resend": allocation,
    "pools:units": allocation,
    "pools:remind": allocation,
    "pools:rename": pool,
    "reminders:policy": pool,
    "reminders:set_policy": pool,
    "reminders:cancel_all": pool,
    "reminders:cancel": reminder,
    "pools:reveal": allocation,
    "returns:withdraw": return_request,
    "rebalancing:plan": pool,
    "rebalancing:undo": rebalancing,
    "renewal:take": numbered_list,
    "purchases:detail": purchase,
    "purchases:quote": purchase,
    "purchases:quote_pdf": purchase,
    "purchases:order": purchase,
    "purchases:complete": purchase,
    "purchases:discard": purchase,
    "purchases:purchase_order_pdf": placed_purchase,
    "purchases:upload": purchase,
    "purchases:scan": purchase_scan,
    "purchases:invoice_pdf": purchase_invoice,
    "portfolio:edit": portfolio_school,
    "webhooks:detail": webhook,
    "webhooks:edit": webhook,
    "webhooks:rotate": webhook,
    "webhooks:test": webhook,
    "webhooks:remove": webhook,
    "webhooks:delivery": webhook_delivery,
    "webhooks:replay": webhook_delivery,
    "map_place": mapped_school,
    "map_state": map_state,
    "school": school,
    "messages:detail": message,
    "messages:preview": message,
    "messages:reveal": message,
    "messages:resend": message,
    "messages:write_anyway": message,
}
