"""Work items of the operator beside the lists of what waits; and the orders that need the operator, for the lists."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.expressions import CombinedExpression
from django.urls import reverse
from payments import PaymentStatus

from bounces.models import BounceMailbox, FailedSending, MailServerOutage, UnreadMail
from core.calendar import date_in_paris
from core.formatting import join_words, number, pluralize
from core.models import JoinedQuery
from installation.hold import find_hold
from jobs.housekeeping import LATE_AFTER, WorkStatus, list_due_tasks, read_work_status
from jobs.models import SetAsideItem
from licensing.books.bank.models import LineState, StatementLine
from licensing.books.billing.models import Invoice
from licensing.books.billing.queries import sum_received
from licensing.books.billing.transmission import operations
from licensing.books.e_reporting.queries import RECENT, list_statements
from licensing.catalogue.models import Product, Seller
from licensing.catalogue.operations import LICENCE_CODE, get_licence_product
from licensing.catalogue.price_lists import list_missing_prices
from licensing.orders.models import ZERO, Order, OrderState, PurchaseOrderScan, ScanState
from licensing.payments.models import CardPayment, Payment
from mailing import mail_server
from schools.directory.models import DirectorySync, SyncOutcome
from tenants import checkpoints
from tenants.models import Checkpoint

# Work queue of the back office: orders that need the operator, for its home page and the filters of its lists.
#
# Queries only; the changes are in `operations`.


class OrderQueue(NamedTuple):
    """A queue of orders. `label` names the list filter; `singular` and `plural` are for the home page's sentence."""

    label: str
    singular: str
    plural: str
    select: Callable[[QuerySet[Order], datetime.date], QuerySet[Order]]
    urgent: bool = False


def _with_received(state: OrderState, more_than: Decimal | CombinedExpression) -> QuerySet[Payment, Any]:
    """Return the ids of the orders in that state that received more than that, less what went back."""
    # One grouped sum: a subquery per order takes a second on tens of thousands of orders.
    received = Payment.objects.filter(order__state=state).order_by().values("order").annotate(received=Sum("amount"))
    return received.filter(received__gt=more_than).values("order")


def _to_credit(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    """Keep paid orders of which a part was refunded in the card provider's dashboard."""
    refunded = Payment.objects.exclude(provider_refund="").values("order")
    return (
        orders.filter(pk__in=refunded, state=OrderState.PAID)
        .alias(received=sum_received())
        .filter(received__lt=F("total_ttc") - F("credited"))
    )


def _with_card_to_reconcile(orders: QuerySet[Order], _day: datetime.date) -> QuerySet[Order]:
    """Keep orders with a card charge that is not recorded, or whose provider reported a problem."""
    attempts = CardPayment.objects.filter(order=OuterRef("pk"))
    unrecorded = attempts.filter(~Exists(Payment.objects.filter(card=OuterRef("pk"))), status=PaymentStatus.CONFIRMED)
    return orders.filter(Exists(unrecorded) | Exists(attempts.exclude(message="")))


_HAS_WAITING_SCAN = Exists(PurchaseOrderScan.objects.filter(order=OuterRef("pk"), state=ScanState.WAITING))
#: By priority.
ORDER_QUEUES: dict[str, OrderQueue] = {
    "ouvrir": OrderQueue(
        "droits à ouvrir après vérification",
        "commande d'un établissement hors annuaire à vérifier : ouvrir ses droits, ou la refuser",
        "commandes d'établissements hors annuaire à vérifier : ouvrir leurs droits, ou les refuser",
        lambda orders, _: orders.filter(state=OrderState.IN_REVIEW),
        urgent=True,
    ),
    "verifier": OrderQueue(
        "bon de commande signé à vérifier",
        "bon de commande signé à vérifier",
        "bons de commande signés à vérifier",
        lambda orders, _: orders.filter(_HAS_WAITING_SCAN),
        urgent=True,
    ),
    # Their rights still run: the operator suspends or prolongs them.
    "echues": OrderQueue(
        "règlement en retard",
        "commande facturée n'est pas réglée quarante-cinq jours après sa facture : suspendre, ou prolonger",
        "commandes facturées ne sont pas réglées quarante-cinq jours après leur facture : suspendre, ou prolonger",
        lambda orders, day: orders.filter(
            state=OrderState.CONFIRMED,
            lines__entitlement__unpaid_until__lt=day,
            lines__entitlement__suspended_at__isnull=True,
        ),
        urgent=True,
    ),
    "cartes": OrderQueue(
        "paiement par carte à rapprocher",
        "commande dont le paiement par carte est à rapprocher",
        "commandes dont le paiement par carte est à rapprocher",
        _with_card_to_reconcile,
        urgent=True,
    ),
    "avoirs": OrderQueue(
        "remboursée en partie : avoir à établir",
        "commande remboursée en partie chez le prestataire : établir l'avoir, ou dire que le reste est dû",
        "commandes remboursées en partie chez le prestataire : établir les avoirs, ou dire que le reste est dû",
        _to_credit,
        urgent=True,
    ),
    "rembourser": OrderQueue(
        "à rembourser",
        "commande annulée à rembourser",
        "commandes annulées à rembourser",
        lambda orders, _: orders.filter(pk__in=_with_received(OrderState.CANCELLED, ZERO)),
        urgent=True,
    ),
    "trop-percus": OrderQueue(
        "trop-perçu à rendre",
        "trop-perçu à rendre, ou à reporter sur une autre commande du même payeur",
        "trop-perçus à rendre, ou à reporter sur d'autres commandes des mêmes payeurs",
        lambda orders, _: orders.filter(
            pk__in=_with_received(OrderState.PAID, F("order__total_ttc") - F("order__credited"))
        ),
        urgent=True,
    ),
    "partielles": OrderQueue(
        "réglée en partie",
        "commande réglée en partie",
        "commandes réglées en partie",
        lambda orders, _: orders.alias(received=sum_received()).filter(state=OrderState.CONFIRMED, received__gt=0),
    ),
    "courrier": OrderQueue(
        "bon de commande signé attendu",
        "commande passée, bon de commande signé attendu",
        "commandes passées, bons de commande signés attendus",
        lambda orders, _: orders.filter(~_HAS_WAITING_SCAN, state=OrderState.PLACED),
    ),
    "regler": OrderQueue(
        "facturée, à régler",
        "commande facturée dont le règlement est attendu",
        "commandes facturées dont le règlement est attendu",
        lambda orders, _: orders.filter(state=OrderState.CONFIRMED),
    ),
    # Of a current school year: a purchase order may still arrive.
    "caduques": OrderQueue(
        "droits suspendus sans bon de commande",
        "commande restée sans bon de commande : droits suspendus",
        "commandes restées sans bon de commande : droits suspendus",
        lambda orders, day: orders.filter(state=OrderState.LAPSED, lines__entitlement__last_day__gte=day),
    ),
}


def list_waiting_orders(name: str, day: datetime.date, *, among: QuerySet[Order] | None = None) -> QuerySet[Order]:
    """Return the orders of the queue `name`."""
    orders = Order.objects.sales() if among is None else among
    return ORDER_QUEUES[name].select(orders, day)


#: Queues of orders that the root page lists one by one.
_LISTED = frozenset({"ouvrir", "verifier", "regler"})


class WorkItem(NamedTuple):
    """What the operator has to do, and the URL where it is done."""

    sentence: str
    url: str
    urgent: bool


class CountedWork(NamedTuple):
    """Things to do on a list of the admin: `rows` are those of a moment; `singular` and `plural` make the sentence."""

    rows: Callable[[datetime.datetime], QuerySet[Any]]
    singular: str
    plural: str
    page: str
    query: str
    urgent: bool


def _count_queue(name: str, queue: OrderQueue) -> CountedWork:
    return CountedWork(
        lambda now: list_waiting_orders(name, date_in_paris(now)),
        queue.singular,
        queue.plural,
        "orders_order_changelist",
        f"?attend={name}",
        queue.urgent,
    )


#: What is counted: a new line here is no new query.
_COUNTED_SALES = (
    *(_count_queue(name, queue) for name, queue in ORDER_QUEUES.items() if name not in _LISTED),
    CountedWork(
        lambda _: Invoice.objects.rejected(),
        "facture rejetée ou refusée : à refaire sous un nouveau numéro",
        "factures rejetées ou refusées : à refaire sous un nouveau numéro",
        "billing_invoice_changelist",
        "?attend=rejetees",
        urgent=True,
    ),
    CountedWork(
        lambda _: Invoice.objects.disputed(),
        "facture en litige : lisez pourquoi, et répondez à l'acheteur",
        "factures en litige : lisez pourquoi, et répondez à l'acheteur",
        "billing_invoice_changelist",
        "?attend=litiges",
        urgent=True,
    ),
    CountedWork(
        lambda _: operations.list_refused(),
        "document n'a pas été pris par la plateforme : lisez pourquoi",
        "documents n'ont pas été pris par la plateforme : lisez pourquoi",
        "billing_invoice_batch",
        "",
        urgent=True,
    ),
    CountedWork(
        operations.list_silent,
        "transmission reste sans réponse depuis deux jours",
        "transmissions restent sans réponse depuis deux jours",
        "billing_invoice_batch",
        "",
        urgent=True,
    ),
    CountedWork(
        lambda _: StatementLine.objects.filter(state=LineState.WAITING),
        "ligne de relevé bancaire à rapprocher",
        "lignes de relevé bancaire à rapprocher",
        "bank_statementline_reconciliation",
        "",
        urgent=False,
    ),
)
_COUNTED_INTAKE = (
    CountedWork(
        lambda _: SetAsideItem.objects.filter(seen_at=None),
        "élément reçu n'a pas pu être lu",
        "éléments reçus n'ont pas pu être lus",
        "jobs_setasideitem_changelist",
        "?seen_at__isempty=1",
        urgent=False,
    ),
)


def _read_figures(figures: Sequence[tuple[QuerySet[Any], Count | Sum]]) -> list[int]:
    """Return that figure of each, 0 of no row. One statement, a branch of its union each."""
    first, *others = (
        rows.order_by()
        .values(place=Value(place, output_field=IntegerField()))
        .annotate(figure=figure)
        .values_list("place", "figure")
        for place, (rows, figure) in enumerate(figures)
    )
    # A branch that finds nothing has no group, and so no row.
    found = dict(first.union(*others, all=True))
    return [found.get(place, 0) for place in range(len(figures))]


def _describe_counted(works: Sequence[CountedWork], counts: Iterable[int]) -> Iterator[WorkItem]:
    """Yield the items of those that have any."""
    for work, count in zip(works, counts, strict=False):
        if count:
            url = f"{reverse(f'admin:{work.page}')}{work.query}"
            yield WorkItem(pluralize(count, work.singular, work.plural), url, urgent=work.urgent)


def _seller(seller: Seller | None) -> Iterator[WorkItem]:
    if seller is None:
        url = reverse("admin:catalogue_seller_add")
        yield WorkItem("Le vendeur n'est pas décrit : rien ne peut être facturé", url, urgent=True)
        return
    notices = {"direction de la publication": seller.publication_director, "hébergeur": seller.host}
    if missing := [name for name, value in notices.items() if not value]:
        url = reverse("admin:catalogue_seller_change", args=[seller.pk])
        yield WorkItem(f"Mentions légales à compléter : {join_words(missing)}", url, urgent=False)


def _product(product: Product | None) -> Iterator[WorkItem]:
    if product is None or not product.summary:
        url = reverse("admin:catalogue_product_change", args=[(product or get_licence_product()).pk])
        yield WorkItem("Écrivez ce que les élèves exercent dans Pep's : le site ne le dit pas", url, urgent=False)


def _test_mode() -> Iterator[WorkItem]:
    # Stripe's test keys start with sk_test_ or rk_test_.
    if "_test_" in settings.STRIPE_SECRET_KEY:
        sentence = (
            "Stripe est en mode test : aucune carte n'est débitée, et qui connaît ses cartes d'essai achète pour rien"
        )
        yield WorkItem(sentence, reverse("admin:payments_cardpayment_changelist"), urgent=True)


def _prices(day: datetime.date) -> Iterator[WorkItem]:
    for missing in list_missing_prices(day):
        url = reverse("admin:catalogue_schoolyear_change", args=[missing.year.pk])
        yield WorkItem(missing.sentence.rstrip("."), url, urgent=missing.is_urgent)


def _periods(seller: Seller | None, day: datetime.date) -> Iterator[WorkItem]:
    statements = list_statements(day=day, since=day - RECENT, seller=seller) if seller else []
    waiting = [one for one in statements if one.waits]
    if waiting:
        late = sum(one.is_late for one in waiting)
        counted = pluralize(len(waiting), "période", "périodes")
        sentence = f"{counted} d'e-reporting à déclarer ou à rectifier"
        sentence += f", dont {number(late)} en retard" if late else ""
        yield WorkItem(sentence, reverse("admin:e_reporting_periodreport_changelist"), urgent=bool(late))


#: The directory changes weekly during the school year: after a month its e-mail addresses are outdated.
_DIRECTORY_MAX_AGE = datetime.timedelta(days=30)


#: The queues of which the operator is told by name.
_QUEUES = {
    "mail": "e-mails", "mail_bulk": "e-mails", "webhooks": "webhooks", "imports": "imports", "imports_large": "imports",
    "mail_bounces": "boîte des retours",
}  # fmt: skip
#: A mail server that restarts is no work item.
_MAILBOX_MAX_OUTAGE = datetime.timedelta(hours=1)
#: Runs that left the directory as its source.
_AS_ITS_SOURCE = Q(outcome=SyncOutcome.APPLIED) | Q(outcome=SyncOutcome.UNCHANGED, reason="")


#: What is one row at most of a small table.
_SINGLE_ROWS = JoinedQuery(
    "SELECT {columns} FROM (SELECT) AS always"
    " LEFT JOIN (SELECT * FROM public.catalogue_seller ORDER BY id LIMIT 1) AS seller ON true"
    " LEFT JOIN public.catalogue_product AS product ON product.code = %s"
    " LEFT JOIN public.bounces_mailserveroutage AS outage ON true"
    " LEFT JOIN public.bounces_bouncemailbox AS mailbox ON true",
    seller=Seller,
    product=Product,
    outage=MailServerOutage,
    mailbox=BounceMailbox,
)


class _DirectoryRuns(NamedTuple):
    """What the operator is told of the directory's runs; None where there was none."""

    last: DirectorySync | None
    #: The one after which the directory was last as its source.
    synchronised: DirectorySync | None
    #: The one whose file is kept, for the operator or for a worker.
    held: DirectorySync | None


def _read_directory_runs() -> _DirectoryRuns:
    """Return them by one statement."""
    runs = DirectorySync.objects.select_related("held_file").defer("held_file__content")
    last = DirectorySync.objects.order_by("-pk").values("pk")[:1]
    synchronised = DirectorySync.objects.filter(_AS_ITS_SOURCE).order_by("-at").values("pk")[:1]
    found = {
        run.pk: run
        for run in runs.annotate(synchronised=Subquery(synchronised)).filter(
            Q(pk=Subquery(last)) | Q(pk=F("synchronised")) | Q(held_file__isnull=False)
        )
    }
    return _DirectoryRuns(
        last=found.get(max(found, default=0)),
        synchronised=next((found[run.synchronised] for run in found.values() if run.synchronised), None),
        held=next((run for run in found.values() if hasattr(run, "held_file")), None),
    )


class OperatorWork(NamedTuple):
    """The work items, urgent ones first, and when the directory was last as its source, if ever."""

    items: list[WorkItem]
    synchronised_at: datetime.datetime | None


def read_work(now: datetime.datetime) -> OperatorWork:
    """Return what the operator has to do, by a fixed number of queries."""
    counted = (*_COUNTED_SALES, *_COUNTED_INTAKE)
    unseen = FailedSending.objects.filter(seen_at=None)
    *counts, unread, sendings, lost, handled = _read_figures(
        [
            *((work.rows(now), Count("pk", distinct=True)) for work in counted),
            (UnreadMail.objects.all(), Count("pk")),
            (unseen, Count("pk")),
            (unseen, Sum("lost")),
            (unseen, Sum("handled")),
        ]
    )
    seller, product, outage, mailbox = _SINGLE_ROWS.first([LICENCE_CODE]) or (None,) * 4
    runs = _read_directory_runs()
    day = date_in_paris(now)
    items = [
        *_hold(),
        *_seller(seller),
        *_product(product),
        *_test_mode(),
        *_prices(day),
        *_describe_counted(_COUNTED_SALES, counts),
        *_periods(seller, day),
        *_directory(runs, now),
        *_mail_server(outage, now),
        *_mailbox(mailbox, unread, now),
        *_failed_sendings(sendings, lost, handled),
        *_describe_counted(_COUNTED_INTAKE, counts[len(_COUNTED_SALES) :]),
        *_checkpoints(checkpoints.list_latest().first(), now),
        *_workers(now),
    ]
    return OperatorWork(
        sorted(items, key=lambda item: not item.urgent), runs.synchronised.at if runs.synchronised else None
    )


def _hold() -> Iterator[WorkItem]:
    if (cause := find_hold()) is not None:
        words = f"Rien ne part ni ne s'enregistre : {cause}. Pour reprendre : manage.py resume"
        yield WorkItem(words, f"{reverse('admin:jobs_job_changelist')}?etat=todo", urgent=True)


def _mail_server(outage: MailServerOutage | None, now: datetime.datetime) -> Iterator[WorkItem]:
    if outage is not None and mail_server.is_recent(outage, now) and mail_server.is_lasting(outage, now):
        words = f"Aucun e-mail ne part depuis {_describe_age(now - outage.failing_since)}. {outage.failure}"
        yield WorkItem(words, f"{reverse('admin:jobs_job_changelist')}?etat=todo", urgent=True)


def _mailbox(mailbox: BounceMailbox | None, left: int, now: datetime.datetime) -> Iterator[WorkItem]:
    if mailbox is None:
        return
    if mailbox.failing_since is not None and now - mailbox.failing_since > _MAILBOX_MAX_OUTAGE:
        yield WorkItem(mailbox.failure, reverse("admin:bounces_bouncemailbox_changelist"), urgent=True)
    if left:
        words = f"Boîte des retours : {pluralize(left, 'mail attend', 'mails attendent')} une lecture"
        yield WorkItem(words, reverse("admin:bounces_unreadmail_changelist"), urgent=False)


def _failed_sendings(count: int, lost: int, handled: int) -> Iterator[WorkItem]:
    if count:
        sendings = pluralize(count, "envoi échoue", "envois échouent")
        words = f"{sendings} : {number(lost)} des {pluralize(handled, 'e-mail')} non remis"
        yield WorkItem(words, f"{reverse('admin:bounces_failedsending_changelist')}?seen_at__isempty=1", urgent=True)


def _checkpoints(latest: Checkpoint | None, now: datetime.datetime) -> Iterator[WorkItem]:
    if fault := checkpoints.describe_fault(latest, at=now):
        yield WorkItem(fault, reverse("admin:jobs_job_changelist"), urgent=True)


def _workers(now: datetime.datetime) -> Iterator[WorkItem]:
    """Yield what no e-mail can tell, as no e-mail leaves: nobody works, or not fast enough; and what failed."""
    status, url = read_work_status(now), reverse("admin:jobs_job_changelist")
    silence = None if status.heartbeat_at is None else now - status.heartbeat_at
    if status.is_late:
        words = _describe_late(status)
        if not status.has_worker:
            since = "Aucun travailleur ne tourne" if silence is None else _describe_silence(silence)
            words = f"{since}, aucun e-mail ne part. {words}"
        yield WorkItem(words, f"{url}?etat=todo", urgent=True)
    elif silence is not None and silence > LATE_AFTER:
        yield WorkItem(f"{_describe_silence(silence)} : ce qui viendra attendra", url, urgent=True)
    if status.failed_jobs:
        words = pluralize(status.failed_jobs, "tâche a échoué", "tâches ont échoué")
        yield WorkItem(f"{words} depuis sept jours", f"{url}?etat=failed", urgent=False)


def _describe_silence(silence: datetime.timedelta) -> str:
    return f"Plus aucun travailleur ne tourne depuis {_describe_age(silence)}"


def _describe_late(status: WorkStatus) -> str:
    """Return what is late and since when, the oldest first: « En retard : webhooks depuis 3 jours (2 tâches), … »."""
    late: dict[str, tuple[datetime.datetime, int]] = {}
    for due in list_due_tasks(status.at):
        words = _QUEUES.get(due.queue, "autres tâches")
        since, jobs = late.get(words, (due.since, 0))
        late[words] = min(since, due.since), jobs + due.jobs
    listed = [
        (since, f"{words} depuis {_describe_age(status.at - since)} ({pluralize(jobs, 'tâche')})")
        for words, (since, jobs) in late.items()
        if status.at - since > LATE_AFTER
    ]
    oldest = status.waiting_since or status.at
    if oldest < min((since for since, _ in late.values()), default=status.at):
        # Nobody has made a job of it.
        listed.append((oldest, f"travaux prévus depuis {_describe_age(status.at - oldest)}"))
    return f"En retard : {', '.join(words for _, words in sorted(listed))}"


def _describe_age(age: datetime.timedelta) -> str:
    """Return « 3 jours », « 5 heures », « 20 minutes »."""
    minutes = int(age.total_seconds()) // 60
    if minutes >= 2 * 24 * 60:
        return pluralize(minutes // (24 * 60), "jour")
    return pluralize(minutes // 60, "heure") if minutes >= 2 * 60 else pluralize(minutes, "minute")


def _directory(runs: _DirectoryRuns, now: datetime.datetime) -> Iterator[WorkItem]:
    if runs.held is not None:
        if runs.held.held_file.accepted_at is None:
            yield _describe_run(runs.held, urgent=True)
    elif runs.last is not None and runs.last.outcome in (SyncOutcome.REFUSED, SyncOutcome.FAILED):
        yield _describe_run(runs.last, urgent=False)
    url = reverse("admin:directory_runs")
    if runs.synchronised is None:
        yield WorkItem("L'annuaire n'a jamais été synchronisé : manage.py sync_directory", url, urgent=True)
    elif now - runs.synchronised.at > _DIRECTORY_MAX_AGE:
        age = pluralize((now - runs.synchronised.at).days, "jour")
        yield WorkItem(f"L'annuaire date de {age} : manage.py sync_directory", url, urgent=True)


def _describe_run(sync: DirectorySync, *, urgent: bool) -> WorkItem:
    reason = sync.reason[:1].lower() + sync.reason[1:]
    return WorkItem(
        f"L'annuaire n'a pas été mis à jour : {reason}", reverse("admin:directory_run", args=[sync.pk]), urgent
    )
