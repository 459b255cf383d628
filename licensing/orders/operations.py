"""Operations on orders. Each locks the order first (order → pool → allocation → key → subscription)."""

import datetime

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, Sum
from django.db.models.functions import Lower
from django_tenants.utils import tenant_context

from accounts.models import Profile, User, lock_account
from accounts.queries import list_confirmed_addresses
from core import formatting
from core.calendar import date_in_paris
from core.exceptions import Refusal
from licensing.catalogue import pricing, terms
from licensing.catalogue.models import SchoolYear, Seller
from licensing.catalogue.operations import get_licence_product, get_school_year
from licensing.catalogue.pricing import MAX_UNITS, NotOnSale, PricedLine
from licensing.entitlements.models import Entitlement, SuspensionCause
from licensing.orders import billing_details as bills
from licensing.orders import order_events, payers, rights
from licensing.orders.billing_details import (
    BillingDetails,
    apply_treatment,
    apply_vat_of_payer,
    find_expected_treatment,
)
from licensing.orders.exceptions import BadBilling, NoReason
from licensing.orders.models import OWED_STATES, UNSIGNED_STATES, Order, OrderKind, OrderLine, OrderState, ScanState
from licensing.orders.order_events import lock_order
from licensing.orders.settlement import SettlementMethod
from licensing.orders.vat import VatTreatment, get_vat
from licensing.pools.models import Pool
from schools.models import Affiliation, School
from tenants.models import Collectivity

#: Days for which a quote holds its price, the day of issue included.
QUOTE_DAYS = 30


@transaction.atomic
def create_school_draft(
    *, classes: int, affiliation: Affiliation | None, by: User, at: datetime.datetime, ends_in: int | None = None
) -> Order:
    """Create a shop draft for a number of classes, or replace the buyer's current draft; return it.

    `ends_in`: the school year, as `pricing.get_year_on_sale` takes it. A teacher buys one class, for themselves. A
    draft that is being paid by card is kept, and another created. Raises `Refusal` or `NotOnSale`.
    """
    if by.profile == Profile.AGENT:
        raise Refusal(
            "not_a_buyer",
            "Les agents d'une collectivité achètent depuis leur bureau. La boutique est celle des chefs "
            "d'établissement et des enseignants.",
        )
    if by.profile == Profile.TEACHER and classes != 1:
        raise Refusal(
            "not_a_buyer",
            "Un enseignant achète pour sa propre classe : une licence. Pour plusieurs classes, c'est le chef "
            "d'établissement qui commande.",
        )
    priced = pricing.price_classes(classes, date_in_paris(at), ends_in)
    order = _current_draft(by) or Order(kind=OrderKind.SHOP, state=OrderState.DRAFT, placed_by=by, created_at=at)
    # A teacher's licence is their own: their school does not manage it.
    school = affiliation.school if affiliation is not None and by.profile == Profile.PRINCIPAL else None
    if order.school != school:
        # The payer of one school is not that of another.
        bills.clear_billing_details(order)
    order.school = school
    return _set_price(order, priced)


@transaction.atomic
def create_collectivity_draft(
    *, collectivity: Collectivity, units: int, by: User, at: datetime.datetime, ends_in: int | None = None
) -> Order:
    """Create a collectivity's draft for a number of licences; return it. Raises `Refusal` or `NotOnSale`.

    `ends_in`: the school year, as `pricing.get_year_on_sale` takes it.
    """
    priced = pricing.price_volume(units, date_in_paris(at), ends_in)
    order = Order(
        kind=OrderKind.PURCHASE, state=OrderState.DRAFT, collectivity=collectivity, placed_by=by, created_at=at
    )
    return _set_price(order, priced)


@transaction.atomic
def issue_quote(*, order_id: int, by: User, at: datetime.datetime, billing: BillingDetails | None = None) -> Order:
    """Issue a quote that holds the price of a draft for `QUOTE_DAYS`; return the order.

    `billing`: the addressee, if the buyer entered one. A valid quote is returned unchanged; with other billing details
    it gets a new number, at the same price until the same day, with the VAT of the new address; an expired quote is
    replaced at today's price. Raises `Refusal`, `NotOnSale` or `BadBilling`.
    """
    order = lock_order(order_id)
    if order.state != OrderState.DRAFT:
        raise Refusal("not_a_draft", "Cette commande est déjà passée : son devis ne change plus.")
    day = date_in_paris(at)
    valid = order.quote_until is not None and day <= order.quote_until
    readdressed = billing is not None and bills.update_billing_details(order, billing)
    if valid and not readdressed:
        return order
    previous_number = order.quote_number
    if not valid:
        _set_price(order, _current_price(order, order.lines.get(), day))
        # Never later than the end of the licences it prices.
        last_day = order.lines.select_related("school_year").get().school_year.ends_on
        order.quote_until = min(day + datetime.timedelta(days=QUOTE_DAYS - 1), last_day)
    elif readdressed:
        apply_vat_of_payer(order)
    order.quote_number = _next_quote_number(order, previous_number, day.year)
    order.quoted_at = at
    order.save()
    assert order.quote_until is not None  # noqa: S101 - set above, or valid
    order_events.record(
        order,
        "quoted",
        f"devis {order.quote_number} établi, valable jusqu'au {formatting.long_date(order.quote_until)} inclus.",
        by=by,
        at=at,
    )
    return order


@transaction.atomic
def discard_draft(*, order_id: int, by: User, at: datetime.datetime) -> None:
    """Cancel a draft, which has opened no rights. Idempotent. Raises `Refusal`."""
    order = lock_order(order_id)
    if order.state == OrderState.CANCELLED and order.placed_at is None:
        return
    if order.state != OrderState.DRAFT:
        raise Refusal(
            "not_a_draft", "Cette commande est déjà passée : elle ne peut plus être abandonnée. Écrivez-nous."
        )
    order.change(state=OrderState.CANCELLED, cancelled_at=at, cancellation_reason="Abandonnée par l'acheteur.")
    order_events.record(order, "discarded", "commande abandonnée avant d'être passée.", by=by, at=at)


def check_price(order: Order, *, at: datetime.datetime) -> None:
    """Raise `Refusal` if the draft's price is outdated; a valid quote holds its price."""
    day = date_in_paris(at)
    if order.quote_until is not None:
        if day > order.quote_until:
            raise Refusal(
                "price_changed",
                f"Le devis {order.quote_number} n'était valable que jusqu'au {formatting.long_date(order.quote_until)} "
                "inclus. Établissez-en un nouveau : rien n'a été commandé.",
            )
        return
    line = order.lines.get()
    current = _current_price(order, line, day)
    rate = get_vat(VatTreatment(order.vat_treatment), product_rate=current.product.vat_rate).rate
    current = current.at_rate(rate)
    # The VAT rate and the licences of a tier may change under the same price.
    draft_amounts = (line.total_ht, line.total_vat, line.total_ttc)
    if (current.amounts, current.quantity, current.school_year.pk) != (
        draft_amounts,
        line.quantity,
        line.school_year_id,
    ):
        raise Refusal(
            "price_changed",
            "Les tarifs ont changé depuis que vous avez préparé cette commande. Reprenez-la depuis le début : rien "
            "n'a été commandé.",
        )


def _current_draft(by: User) -> Order | None:
    """Return the buyer's current shop draft, unless it is being paid by card."""
    drafts = Order.objects.filter(kind=OrderKind.SHOP, state=OrderState.DRAFT, placed_by=by, quote_number="")
    draft = drafts.exclude(card_payments__isnull=False).locked().last()
    # Checked again under the lock: starting a payment does not change the order's row.
    if draft is not None and draft.card_payments.exists():
        return None
    return draft


def _current_price(order: Order, line: OrderLine, day: datetime.date) -> PricedLine:
    """Return today's price of a draft, of the same school year while it is on sale, else of the latest."""
    price = pricing.price_classes if order.kind == OrderKind.SHOP else pricing.price_volume
    return price(line.quantity, day, line.school_year.ends_on.year)


#: What an order line copies of its price as it is.
_PRICED_COLUMNS = ("product", "school_year", "quantity", "description", "billed_quantity", "unit_ht", "vat_rate")


def _set_price(order: Order, priced: PricedLine) -> Order:
    """Replace the order's lines by one with this price, taxed where its payer is likely to be; return the order."""
    order.total_ht, order.total_vat, order.total_ttc = priced.amounts
    order.save()
    order.lines.all().delete()
    columns = {name: getattr(priced, name) for name in _PRICED_COLUMNS}
    ht, vat, ttc = priced.amounts
    OrderLine.objects.create(order=order, **columns, total_ht=ht, total_vat=vat, total_ttc=ttc)
    apply_treatment(order, find_expected_treatment(order))
    order.save()
    return order


def _next_quote_number(order: Order, before: str, year: int) -> str:
    """Return the quote's number: the order's, with a rank from the second quote on."""
    if not before:
        return f"DV{year}-{order.pk}"
    stem, _, rank = before.partition("/")
    return f"{stem}/{int(rank or 1) + 1}"


# The operator's look at large orders of buyers who are not known, before any right opens.
#
# The guide's 45 days at once hold for the directory's schools and for collectivities: whoever typed a school by hand,
# with an address that is no school's, could otherwise open any number of classes for nothing.

#: Licences that an unknown buyer's unpaid orders open at once, together: the first two tiers of the guide.
MAX_UNREVIEWED_LICENCES = 5


def needs_review(order: Order) -> bool:
    """Return whether the operator looks at the order before its rights open, if it is placed without being paid.

    Counts the buyer's other unsigned orders: five small ones are as much as a large one.
    """
    if order.kind != OrderKind.SHOP or order.school_id is not None:
        return False
    of_buyer = Order.objects.filter(
        kind=OrderKind.SHOP, placed_by=order.placed_by_id, school__isnull=True, state__in=UNSIGNED_STATES
    ).exclude(pk=order.pk)
    others = OrderLine.objects.filter(order__in=of_buyer).aggregate(total=Sum("quantity"))["total"] or 0
    own = OrderLine.objects.filter(order=order).aggregate(total=Sum("quantity"))["total"] or 0
    return others + own > MAX_UNREVIEWED_LICENCES and not is_known_buyer(order.placed_by_id)


def is_known_buyer(user_id: int | None) -> bool:
    """Return whether the account leads a school, as verified, or its confirmed address is a school's official one."""
    if Affiliation.objects.filter(user=user_id, verified_at__isnull=False).exists():
        return True
    addresses = [address.lower() for address in list_confirmed_addresses(user_id)]
    # Without an index, some 30 ms on the national directory: only for a large order of a school typed by hand.
    official = School.objects.filter(closed_at__isnull=True).alias(mailbox=Lower("email"))
    return bool(addresses) and official.filter(mailbox__in=addresses).exists()


@transaction.atomic
def open_reviewed_order(*, order_id: int, by: User, at: datetime.datetime) -> Order:
    """Open the provisional rights of an order that the operator looked at; return it.

    Their 45 days begin now; no countdown runs while a signed purchase order waits to be checked. Idempotent. Raises
    `Refusal`.
    """
    order = lock_order(order_id)
    if order.state == OrderState.PLACED:
        return order
    if order.state != OrderState.IN_REVIEW:
        raise order.refuse_state("Il n'y a pas de droits à ouvrir.")
    if order.lines.filter(school_year__ends_on__lt=date_in_paris(at)).exists():
        raise Refusal("not_in_this_state", "L'année scolaire de ces licences est terminée : refusez cette commande.")
    order.change(state=OrderState.PLACED)
    until = rights.open_provisional_rights(order, by=by, at=at)
    if order.scans.filter(state=ScanState.WAITING).exists():
        rights.await_payment(order, until=until)
    summary = f"commande vérifiée, {rights.describe_provisional_rights(order, date_in_paris(at))}"
    order_events.record(order, "rights_opened", summary, by=by, at=at, email=order_events.RIGHTS_OPENED)
    return order


#: Maximum number of a shop buyer's orders that await a purchase order: nobody leads more schools.
MAX_UNSIGNED_ORDERS = 5
#: Before the part of a fingerprint that depends on the payer's address.
_VAT_SEPARATOR = " | "
_AWAITED = (OrderState.IN_REVIEW, OrderState.PLACED)


@transaction.atomic
def place(
    *,
    order_id: int,
    billing: BillingDetails,
    terms_version: str,
    method: SettlementMethod = SettlementMethod.MANDATE,
    basket: str | None = None,
    by: User,
    at: datetime.datetime,
) -> Order:
    """Place an order for which a purchase order is signed, and open its provisional rights; return it.

    What an unknown buyer orders in number opens none until the operator has looked (docs/decisions/0050). `basket`: the
    fingerprint of what the page showed. Idempotent. Raises `Refusal` or `BadBilling`.
    """
    _lock_buyer(order_id)
    order = lock_order(order_id)
    _check_basket(order, basket)
    if order.state in (OrderState.PLACED, OrderState.IN_REVIEW):
        return order
    _accept_draft(order, method, billing, terms_version, at=at)
    _check_vat(order, basket)
    _check_no_lapsed_order(order, date_in_paris(at))
    _check_open_orders(order)
    order.state, order.placed_at = OrderState.IN_REVIEW if needs_review(order) else OrderState.PLACED, at
    order.save()
    if order.state == OrderState.IN_REVIEW:
        email = order_events.IN_REVIEW
        summary = "bon de commande établi ; les droits s'ouvrent une fois la commande vérifiée."
    else:
        email = order_events.PLACED
        rights.open_provisional_rights(order, by=by, at=at)
        summary = f"bon de commande établi, {rights.describe_provisional_rights(order, date_in_paris(at))}"
    order_events.record(order, "placed", summary, by=by, at=at, email=email)
    return order


@transaction.atomic
def prepare_card_payment(
    *, order_id: int, billing: BillingDetails, terms_version: str, basket: str | None = None, at: datetime.datetime
) -> Order:
    """Prepare a draft for payment by card; return it. No rights open before the payment.

    Its invoice is issued with the payment, so the references of a public payer must already be complete.
    Raises `Refusal` or `BadBilling`.
    """
    order = lock_order(order_id)
    _check_basket(order, basket)
    if order.kind != OrderKind.SHOP:
        raise Refusal("not_in_this_state", "Une collectivité règle par mandat administratif ou par virement.")
    _accept_draft(order, SettlementMethod.CARD, billing, terms_version, at=at)
    _check_vat(order, basket)
    for detail in payers.check_order(order).missing:
        raise BadBilling(detail.sentence, detail.field)
    order.save()
    return order


def compute_basket_fingerprint(order: Order, line: OrderLine | None = None) -> str:
    """Return a fingerprint of what the page shows: school, school year, quantity, price; then VAT and total."""
    line = line or order.lines.get()
    price = line.total_ttc if order.kind == OrderKind.SHOP else line.total_ht
    return (
        f"{order.school_id or ''} {line.school_year_id} {line.quantity} {price}"
        f"{_VAT_SEPARATOR}{line.vat_rate} {line.vat_category} {line.total_ttc}"
    )


def _check_basket(order: Order, basket: str | None) -> None:
    """Raise `Refusal` if the basket differs, VAT apart, from the one that the page showed."""
    if basket is not None and _without_vat(compute_basket_fingerprint(order)) != _without_vat(basket):
        raise Refusal(
            "price_changed",
            "Votre panier a changé depuis que cette page est affichée, sans doute dans un autre onglet. Le voici tel "
            "qu'il est : relisez-le, puis recommencez. Rien n'a été commandé.",
        )


def _without_vat(fingerprint: str) -> str:
    return fingerprint.partition(_VAT_SEPARATOR)[0]


def _check_vat(order: Order, basket: str | None) -> None:
    """Raise `Refusal` if the payer's address gives another VAT than the page showed."""
    if basket is None or compute_basket_fingerprint(order) == basket:
        return
    line = order.lines.get()
    vat = line.vat_reason or f"Elle y est de {formatting.percent(line.vat_rate)}."
    raise Refusal(
        "price_changed",
        f"La TVA dépend de l'adresse de facturation. {vat} Le prix est affiché ici avec elle : {_describe_sum(order)}. "
        "Relisez-le, puis recommencez. Rien n'a été commandé.",
    )


def _describe_sum(order: Order) -> str:
    return f"{formatting.euros(order.total_ht)} HT, {formatting.euros(order.total_ttc)} TTC"


def _accept_draft(
    order: Order, method: SettlementMethod, billing: BillingDetails, terms_version: str, *, at: datetime.datetime
) -> None:
    """Validate billing details, terms and price of a draft, and set them on the order; the caller saves it."""
    if order.state != OrderState.DRAFT:
        raise Refusal("not_a_draft", "Cette commande est déjà passée : vous la retrouvez dans « Mes commandes ».")
    if method.rules.has_purchase_order and order.card_payments.filter(status="confirmed").exists():
        raise Refusal("not_a_draft", "Cette commande vient d'être réglée par carte : elle n'est plus à passer.")
    if terms_version != terms.CURRENT:
        raise Refusal(
            "terms_not_accepted",
            "Cochez la case des conditions générales de vente pour les accepter, puis recommencez."
            if not terms_version
            else "Les conditions générales de vente viennent de changer : lisez-les, acceptez-les, puis recommencez.",
        )
    if not Seller.objects.exists():
        # Without a seller no invoice can be issued, and a card payment could not be settled.
        raise NotOnSale("La vente n'est pas encore ouverte : le vendeur n'est pas renseigné. Rien n'a été commandé.")
    check_price(order, at=at)
    bills.set_billing_details(order, billing)
    apply_vat_of_payer(order)
    order.method, order.terms_version, order.terms_accepted_at = method, terms_version, at


def _lock_buyer(order_id: int) -> None:
    """Lock the buyer of a shop order: what they may still order is counted over all their orders."""
    buyer = Order.objects.filter(pk=order_id, kind=OrderKind.SHOP).values_list("placed_by", flat=True).first()
    if buyer is not None:
        lock_account(buyer)


def _check_no_lapsed_order(order: Order, day: datetime.date) -> None:
    """Raise `Refusal` if an earlier order of the same school year lapsed."""
    # Rights that expired at midnight count as lapsed, whether or not the periodic task has run since.
    has_lapsed = Q(state=OrderState.LAPSED) | Q(state=OrderState.PLACED, lines__entitlement__provisional_until__lt=day)
    same = Q(collectivity=order.collectivity_id) if order.collectivity_id else Q(placed_by=order.placed_by_id)
    if order.school_id:
        same |= _same_school(order)
    earlier = (
        Order.objects.filter(
            same & has_lapsed,
            kind=order.kind,
            lines__school_year__in=order.lines.values("school_year"),
        )
        .order_by("pk")
        .first()
    )
    if earlier is not None:
        raise Refusal(
            "previous_order_lapsed",
            f"{earlier} est restée sans bon de commande signé. Envoyez-le-nous, ou réglez par carte : une nouvelle "
            "période de droits temporaires ne peut pas s'ouvrir avant."
            if order.kind == OrderKind.SHOP
            else (
                f"{earlier} est restée sans bon de commande signé. Déposez-le d'abord : une nouvelle période de "
                "droits temporaires ne peut pas s'ouvrir avant."
            ),
        )


def _same_school(order: Order) -> Q:
    """Return which orders for the school count against this buyer.

    Anyone may claim to lead a school: an unverified user's order must not keep its verified principal from buying.
    """
    principals = Affiliation.objects.filter(school=order.school_id, verified_at__isnull=False)
    all_orders = Q(school=order.school_id)
    if not principals.filter(user=order.placed_by_id).exists():
        return all_orders
    return all_orders & Q(Exists(principals.filter(user=OuterRef("placed_by"))))


def _check_open_orders(order: Order) -> None:
    """Raise `Refusal` if too many of the buyer's orders await their purchase order."""
    if order.kind != OrderKind.SHOP:
        return
    mine = Order.objects.filter(kind=OrderKind.SHOP, placed_by=order.placed_by_id, state__in=_AWAITED)
    if mine.count() >= MAX_UNSIGNED_ORDERS:
        raise Refusal(
            "previous_order_lapsed",
            f"{MAX_UNSIGNED_ORDERS} de vos commandes attendent déjà leur bon de commande signé. Envoyez-les-nous"
            " d'abord, ou réglez celle-ci par carte.",
        )


# Grants of licences by the operator, and suspension of what an order opened.
#
# A grant is an order with a line, like any other, and has a reason.

_NAME_LENGTH = Pool._meta.get_field("name").max_length or 0  # noqa: SLF001 - Django's documented access to fields


def get_collectivity(slug: str) -> Collectivity:
    """Return the collectivity with this slug. Raises `Refusal`, which lists those that exist."""
    found: Collectivity | None = Collectivity.objects.filter(slug=slug.strip().lower()).first()
    if found is None:
        known = ", ".join(Collectivity.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "aucune"
        raise Refusal(
            "unknown_collectivity",
            f"Aucune collectivité n'a son bureau à « {slug} ». Collectivités ouvertes : {known}.",
        )
    return found


def get_last_grant() -> str:
    """Return the id of the last grant to any collectivity."""
    return str(Order.objects.filter(kind=OrderKind.GRANT).aggregate(last=Max("pk"))["last"] or 0)


@transaction.atomic
def grant(
    *,
    collectivity: Collectivity,
    licences: int,
    reason: str,
    name: str = "",
    by: User | None,
    at: datetime.datetime,
    school_year: SchoolYear | None = None,
    last_grant: str | None = None,
) -> Pool:
    """Grant licences to a collectivity: create order, line, entitlement and, in its schema, the pool; return the pool.

    `school_year` defaults to the one that `at` falls in. `last_grant`: what `get_last_grant` returned when the form was
    shown, so that a double click grants once. Raises `Refusal` or `NoReason`.
    """
    if last_grant is not None:
        Collectivity.objects.select_for_update(no_key=True).get(pk=collectivity.pk)
        if get_last_grant() != last_grant:
            raise Refusal(
                "outdated",
                "Un lot a été ouvert depuis que cette page est affichée, peut-être par un premier clic : voyez la "
                "liste des commandes. Si celui-ci est à ouvrir aussi, validez de nouveau.",
            )
    reason, name = reason.strip(), name.strip()
    if not 0 < licences <= MAX_UNITS:
        raise Refusal(
            "invalid_quantity",
            f"Un lot compte de 1 à {formatting.number(MAX_UNITS)} licences ; "
            f"vous en avez demandé {formatting.number(licences)}.",
        )
    if not reason:
        raise NoReason("Indiquez le motif de cette dotation : il reste inscrit sur la ligne de commande.")
    if len(name) > _NAME_LENGTH:
        raise Refusal(
            "name_too_long", f"Le nom d'un lot compte {_NAME_LENGTH} caractères au plus ; celui-ci en a {len(name)}."
        )
    year = school_year or get_school_year(date_in_paris(at))
    order = Order.objects.create(
        kind=OrderKind.GRANT,
        state=OrderState.GRANTED,
        collectivity=collectivity,
        reason=reason,
        created_at=at,
        placed_at=at,
        placed_by=by,
    )
    line = OrderLine.objects.create(order=order, product=get_licence_product(), school_year=year, quantity=licences)
    entitlement = rights.create_entitlement(order, line, until=None, at=at)
    name = name or f"Dotation {year} (commande n° {order.pk})"
    validity = f"jusqu'au {formatting.long_date(year.ends_on)} inclus. Motif : {reason}"
    with tenant_context(collectivity):
        return rights.create_pool(line, entitlement, name=name, validity=validity, by=by, at=at)


def suspend(*, order_id: int, by: User | None, at: datetime.datetime, cause: SuspensionCause | None = None) -> int:
    """Suspend an order's entitlements: no allocation, no redemption, no use of its licences; return how many changed.

    Updates one row per line, however many keys. Notifies the buyer. Only a suspension for want of payment is lifted by
    the payment; it is the cause of an order that is owed unless another is given. Idempotent. Raises `Refusal`
    for a cancelled order, or where no payment is awaited.
    """
    return _set_suspended(order_id, by=by, at=at, suspended_at=at, cause=cause)


def restore(*, order_id: int, by: User | None, at: datetime.datetime) -> int:
    """Undo `suspend`; return how many entitlements changed. Raises `Refusal` for a cancelled order."""
    return _set_suspended(order_id, by=by, at=at, suspended_at=None)


@transaction.atomic
def _set_suspended(
    order_id: int,
    *,
    by: User | None,
    at: datetime.datetime,
    suspended_at: datetime.datetime | None,
    cause: SuspensionCause | None = None,
) -> int:
    order = lock_order(order_id)
    if order.state == OrderState.CANCELLED:
        raise Refusal(
            "not_in_this_state", f"{order} est annulée : ses droits ne se suspendent ni ne se rétablissent plus."
        )
    is_owed = order.state in OWED_STATES
    if cause == SuspensionCause.UNPAID and not is_owed:
        raise Refusal("not_in_this_state", f"{order} n'attend aucun règlement : choisissez un autre motif.")
    cause = cause or (SuspensionCause.UNPAID if is_owed else SuspensionCause.OPERATOR)
    changing = Entitlement.objects.filter(order_line__order=order, suspended_at__isnull=suspended_at is not None)
    numbers = list(changing.order_by("pk").values_list("pk", flat=True))
    if not numbers:
        return 0
    Entitlement.objects.filter(pk__in=numbers).update(
        suspended_at=suspended_at, suspension_cause=cause if suspended_at else ""
    )
    if suspended_at:
        summary = f"suspendue ({cause.label.lower()}) : ses clés ne s'activent plus, ses licences sont en pause."
        action, email = "suspended", order_events.SUSPENDED
        pool_action, what = "pools.suspended", " suspendu : ses clés ne s'activent plus et ses licences sont en pause."
    else:
        rights.release_emails(order)
        action, email, summary = "restored", order_events.RESTORED, "rétablie : tout reprend où il en était."
        pool_action, what = "pools.resumed", " rétabli : tout reprend où il en était."
    order_events.record(order, action, summary, by=by, at=at, email="" if order.kind == OrderKind.GRANT else email)
    rights.record_in_pools(order, pool_action, what, by=by, at=at)
    return len(numbers)


@transaction.atomic
def start_early(*, order_id: int, by: User, at: datetime.datetime) -> Order:
    """Make an order's licences usable in class from today on; return it, with its buyer notified.

    A first day only ever moves to an earlier one, so that nothing that was used becomes unused. Provisional rights that
    were counted from the first day are counted from today. Raises `Refusal` where there is no day to come.
    """
    order = lock_order(order_id)
    today = date_in_paris(at)
    if order.state == OrderState.CANCELLED or not rights.has_start_to_come(order, today):
        raise Refusal("not_in_this_state", f"{order} n'a pas de licences dont le premier jour soit à venir.")
    rights.start_on(order, today)
    what = "licences utilisables en classe dès aujourd'hui."
    email = "" if order.kind == OrderKind.GRANT else order_events.STARTED
    order_events.record(order, "started", what, by=by, at=at, email=email)
    rights.record_in_pools(order, "pools.started", f" : {what}", by=by, at=at)
    return order
