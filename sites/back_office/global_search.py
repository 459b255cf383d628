"""« Rechercher partout »: one search for clients, people, schools, orders, invoices, amounts, UAIs, addresses and keys.

A key is looked up by its sealed form; it is never stored, logged, shown again or part of an address. What may be a
mistyped key is searched among keys one slip away from it, and among sales by its number or amount, never as a name.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from core.foreign_values import MAX_SEARCH_LENGTH
from licensing.entitlements import keys
from licensing.entitlements.keys import InvalidKey
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.queries import find_key, find_keys_like
from mailing.models import Message
from schools import uai
from schools.folding import fold
from schools.models import Affiliation, School
from sites.back_office import (
    invitation_search,
    name_search,
    near_search,
    office_matches,
    phone_search,
    query_words,
    sale_search,
)
from sites.back_office.invitation_search import FoundInvitation
from sites.back_office.near_words import MIN_LETTERS
from sites.back_office.query_words import WantedKind
from sites.back_office.sale_search import select_orders
from sites.back_office.search_results import GlobalSearchResult
from tenants.models import Collectivity, OfficeRequest

_MAX_RESULTS = 200
_SIREN_LENGTH = 9
#: Of more clients than that, their orders and invoices are not shown beside them.
_MAX_CLIENTS = 3
#: Results of the part of an address before its « @ »: of more it says nothing.
_MAX_SAME_LOCAL_PART = 5
#: How long a statement of a search may take, and from which likeness of trigrams on a word is taken for another:
#: « nismes » is nearly « nimes ». Words a letter away from another are found besides (`near_words`).
_LIMITS = {"statement_timeout": "5s", "pg_trgm.strict_word_similarity_threshold": "0.4"}
#: SQLSTATE of a statement that took too long.
_CANCELLED = "57014"
#: A group of letters and digits, as those of a key are: no name goes into a query that has one.
_MAY_BE_A_KEY = re.compile(r"[a-z][0-9]|[0-9][a-z]", re.IGNORECASE)
#: A UAI with a wrong letter, without its letter or without its zeros: it has too few symbols for a key.
_UAI_LIKE = re.compile(r"[0-9]{6,8}[A-Z]|[0-9]{7}")
#: Three groups of four, as a key without a digit is written.
_KEY_GROUPS = re.compile(r"\b\w{4}[-‐‑–—]\w{4}[-‐‑–—]\w{4}\b")


def may_be_key(text: str) -> bool:
    """Return whether a text may be a key, even mistyped: it belongs in no address and no log. Pure."""
    text = text.strip()
    if uai.is_valid(uai.normalise(text)) or _UAI_LIKE.fullmatch(uai.tidy(text)) or "@" in text:
        return False
    if sale_search.is_document_number(text):
        return False
    try:
        keys.parse(text)
    except InvalidKey:
        return bool(_MAY_BE_A_KEY.search(text) or _KEY_GROUPS.search(text))
    return True


@sensitive_variables("text")
def search_everywhere(text: str) -> GlobalSearchResult:
    """Search for `text` as a UAI, an e-mail address, a key, what a sale says, or a name, whichever it may be."""
    text = text.strip()[:MAX_SEARCH_LENGTH]
    if not text:
        return GlobalSearchResult(
            "", problem="Saisissez un nom, un numéro, un montant, un UAI, une adresse ou une clé."
        )
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                for name, value in _LIMITS.items():
                    cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
            return _search(text)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _CANCELLED:
            raise
        return GlobalSearchResult("", problem="Trop de résultats pour les chercher tous : ajoutez un mot.")


@sensitive_variables("text")
def _search(text: str) -> GlobalSearchResult:
    school_uai = uai.normalise(text)
    if uai.is_valid(school_uai):
        return _by_uai(school_uai)
    if "@" in text:
        return _by_email(text.lower())
    if (meant := _find_schools_by_near_uai(text)) is not None:
        return meant
    if (number := query_words.read_key_number(text)) is not None:
        return _by_key_number(number)
    if (phone := query_words.read_phone(text)) and not (by_phone := _by_phone(phone)).is_empty:
        return by_phone
    return _by_key(text) if may_be_key(text) else _by_words(text)


def _by_uai(school_uai: str) -> GlobalSearchResult:
    user_ids = Affiliation.objects.filter(school_id=school_uai).values("user")
    schools = list(School.objects.filter(pk=school_uai))
    if not schools:
        return _near_uai(school_uai)
    return GlobalSearchResult(
        f"UAI {school_uai}",
        schools=schools,
        people=list(User.objects.filter(pk__in=user_ids).order_by("profile", "last_name", "pk")),
        keys=list(_find_keys(Q(school_id=school_uai))),
        orders=list(select_orders(Q(school=school_uai))),
        lines=office_matches.find_in_offices(office_matches.SCHOOL_SQL, [school_uai, school_uai]),
    )


def _find_schools_by_near_uai(text: str) -> GlobalSearchResult | None:
    """Return what a mistyped UAI may mean, by the schools there are one slip away from it; None if there are none."""
    if not _UAI_LIKE.fullmatch(uai.tidy(text)):
        return None
    schools = list(School.objects.filter(pk__in=uai.find_similar(text)).order_by("pk")[: name_search.MAX_NAMED])
    if not schools and uai.tidy(text)[-1:].isalpha():
        return _near_uai(uai.tidy(text))
    if not schools:
        return None
    label = f"UAI proche de {uai.tidy(text)}"
    if len(schools) == 1:
        return replace(_by_uai(schools[0].pk), query_label=label)
    return GlobalSearchResult(label, schools=schools)


def _near_uai(typed: str) -> GlobalSearchResult:
    """Return the schools with the nearest UAIs to one that none has."""
    schools = near_search.find_near_schools(typed)
    note = "Aucune école n'a cet UAI. Les plus proches :" if schools else ""
    return GlobalSearchResult(f"UAI {typed}", note=note, schools=schools)


def _by_phone(number: str) -> GlobalSearchResult:
    return GlobalSearchResult(
        "numéro de téléphone",
        schools=phone_search.find_schools_by_phone(number),
        people=phone_search.find_people_by_phone(number),
        office_requests=phone_search.find_requests_by_phone(number),
        lines=office_matches.find_in_offices(phone_search.OFFICE_SQL, [number, number]),
    )


def _by_key_number(number: int) -> GlobalSearchResult:
    """Return the key of a number, which pages name it by."""
    key = ActivationKey.objects.filter(pk=number).first()
    return GlobalSearchResult(f"clé n° {number}") if key is None else _with_key(key, f"clé n° {number}")


def _by_email(email: str) -> GlobalSearchResult:
    people = list(User.objects.filter(email__iexact=email).order_by("pk"))
    invited = _find_invitations(fold(email).split())
    exact = [one for one in invited if one.email.lower() == email]
    found = replace(_with_email(email, people), invitations=exact)
    if not found.is_empty:
        return found
    # Misspelt, where nothing has it: « awa@nime.example », or a school's with another domain.
    local, schools = fold(email.partition("@")[0]).split(), uai.find_all(email.partition("@")[0].replace(".", " "))
    near = replace(
        found,
        query_label=f"adresse proche de {email}",
        schools=list(School.objects.filter(pk__in=schools)),
        **_find_by_address_words(fold(email).split()),
        invitations=invited,
    )
    if not near.is_empty:
        return near
    if not any(len(word) >= MIN_LETTERS for word in local):
        return near
    # With another domain; « contact » is of too many to mean anybody.
    by_local_part = _find_by_address_words(local) | {"invitations": _find_invitations(local)}
    few = sum(map(len, by_local_part.values())) <= _MAX_SAME_LOCAL_PART
    return replace(near, **by_local_part) if few else near


def _find_by_address_words(words: list[str]) -> dict[str, Any]:
    """Return who and what has an address of these words, or nearly, by field of the result."""
    return {
        "people": name_search.find_people(words),
        "office_requests": name_search.find_office_requests(words),
        "orders": name_search.find_orders_by_email(words),
    }


def _with_email(email: str, people: list[User]) -> GlobalSearchResult:
    return GlobalSearchResult(
        f"adresse {email}",
        schools=list(School.objects.filter(email__iexact=email)),
        people=people,
        office_requests=list(OfficeRequest.objects.filter(email__iexact=email).order_by("-pk")),
        keys=list(_find_keys(Q(redeemed_by__in=people))) if people else [],
        orders=list(select_orders(Q(placed_by__in=people) | Q(bill_email__iexact=email))),
        emails=list(Message.objects.filter(recipient__iexact=email).order_by("-pk")[: name_search.MAX_NAMED]),
        lines=office_matches.find_in_offices(office_matches.EMAIL_SQL, [[one.pk for one in people], *[email] * 3]),
    )


@sensitive_variables("text")
def _by_key(text: str) -> GlobalSearchResult:
    """Search for a key; what is none may be a sale's number or amount, or a name of as many letters as a key has."""
    problem = "Cette clé est bien formée, mais n'a jamais été émise."
    try:
        key = find_key(text)
    except InvalidKey as typo:
        key, problem = None, str(typo)
    if key is not None:
        return _with_key(key, "clé")
    if near := find_keys_like(text):
        label = "clé, à une faute de frappe près"
        found = _with_key(near[0], label)
        return found if len(near) == 1 else GlobalSearchResult(label, keys=list(_find_keys(Q(pk__in=near))))
    is_name = not (_MAY_BE_A_KEY.search(text) or _KEY_GROUPS.search(text))
    other = _by_words(text) if is_name else _by_sale(text)
    return other if not other.is_empty else GlobalSearchResult("clé", problem=_describe_incomplete(text) or problem)


@sensitive_variables("text", "symbols")
def _describe_incomplete(text: str) -> str:
    """Return in French how much is missing of a key after the prefix of a collectivity; empty if nothing is."""
    prefix, *groups = re.findall(r"[0-9A-Z]+", text.upper()) or [""]
    symbols = "".join(groups)
    if not 0 < len(symbols) < keys.LENGTH or not Collectivity.objects.filter(key_prefix=prefix).exists():
        return ""
    return (
        f"Cette clé est incomplète : après « {prefix} », elle compte {len(symbols)} caractères sur {keys.LENGTH}. "
        "Demandez les derniers, ou cherchez l'école."
    )


def _with_key(key: ActivationKey, label: str) -> GlobalSearchResult:
    (found,) = _find_keys(Q(pk=key.pk))
    return GlobalSearchResult(
        label,
        schools=[found.school] if found.school else [],
        people=[found.redeemed_by] if found.redeemed_by else [],
        keys=[found],
        orders=list(select_orders(Q(lines__entitlement=found.entitlement_id))),
        lines=office_matches.find_in_offices(office_matches.KEY_SQL, [found.pk]),
    )


def _by_words(text: str) -> GlobalSearchResult:
    """Search sales by number and amount, and everything by name; of a kind that is named, first that kind."""
    found, amount = _by_sale(text), sale_search.read_amount(text)
    if amount is not None or not any(character.isalpha() for character in text):
        # A SIREN, or a SIRET that begins with it, is the only number of a name.
        siren = ["".join(name_search.split_name(text))[:_SIREN_LENGTH]]
        by_number = replace(
            found,
            collectivities=name_search.find_collectivities(siren),
            office_requests=name_search.find_office_requests(siren),
        )
        return _near_amount(amount) if by_number.is_empty and amount else by_number
    wanted, rest = query_words.read_question(text)
    if wanted is None:
        return _by_name(text, text, found)
    meant = _keep_wanted(_by_name(text, rest, found), wanted)
    return _by_name(text, text, found) if meant.is_empty else meant


def _by_name(text: str, name: str, sales: GlobalSearchResult) -> GlobalSearchResult:
    """Search everything by `name`, which is what `text` asks about, beside the sales that were found by number."""
    words, note = name_search.split_name(name), ""
    schools = name_search.find_schools(name)
    people, requests = name_search.find_people(words), name_search.find_office_requests(words)
    orders, invoices = name_search.find_orders(words), name_search.find_invoices(words)
    collectivities = name_search.find_collectivities(words)
    if not (collectivities or people or requests or orders or invoices) and len(words) > 1:
        collectivities = name_search.find_collectivities_by_any(words)
        note = "Rien n'a tous ces mots : voici les collectivités qui en ont un." if collectivities else ""
    buying = schools.schools if len(schools.schools) <= _MAX_CLIENTS else []
    if len(collectivities) <= _MAX_CLIENTS and (collectivities or buying):
        ordered, billed = name_search.find_sales_of(collectivities, buying)
        orders, invoices = [*orders, *ordered], [*invoices, *billed]
    return replace(
        sales,
        query_label=f"« {text} »",
        note=note if not schools.schools else "",
        collectivities=collectivities,
        people=people,
        office_requests=requests,
        invitations=_find_invitations(words),
        schools=schools.schools,
        school_total=schools.total,
        orders=list({order.pk: order for order in (*sales.orders, *orders)}.values()),
        invoices=list({invoice.pk: invoice for invoice in (*sales.invoices, *invoices)}.values()),
    )


def _keep_wanted(found: GlobalSearchResult, wanted: WantedKind) -> GlobalSearchResult:
    """Return the results of the kind that was asked for, with the clients they are of; all where there are none."""
    bare = replace(found, schools=[], school_total=0, people=[], office_requests=[], invitations=[])
    if wanted in (WantedKind.INVOICES, WantedKind.ORDERS):
        return bare if found.orders or found.invoices else found
    if wanted == WantedKind.INVITATIONS:
        kept = replace(bare, invitations=found.invitations, orders=[], invoices=[], payments=[])
        return kept if found.invitations else found
    of_people = Q(school__in=[one.pk for one in found.schools]) | Q(redeemed_by__in=found.people)
    held = list(_find_keys(of_people)[: name_search.MAX_NAMED])
    kept = replace(bare, schools=found.schools, school_total=found.school_total, keys=held)
    return replace(kept, orders=[], invoices=[], payments=[]) if held else found


def _near_amount(amount: Decimal) -> GlobalSearchResult:
    """Return the sales of the nearest amounts to one that no sale has."""
    sales = near_search.find_near_sales(amount)
    return GlobalSearchResult(
        "montant",
        note="Aucune vente n'a ce montant." if sales.is_empty else "Aucune vente n'a ce montant. Les plus proches :",
        invoices=sales.invoices,
        orders=sales.orders,
        payments=sales.payments,
        is_unknown_amount=True,
    )


def _by_sale(text: str) -> GlobalSearchResult:
    """Search invoices, orders and payments by number and amount."""
    sales = sale_search.find_sales(text)
    return GlobalSearchResult(
        "numéro ou montant", invoices=sales.invoices, orders=sales.orders, payments=sales.payments
    )


def _find_keys(condition: Q) -> QuerySet[ActivationKey]:
    return (
        ActivationKey.objects.filter(condition)
        .select_related("entitlement__collectivity", "school", "redeemed_by", "subscription")
        .annotate(held=Count("subscription__seats", filter=Q(subscription__seats__holder__isnull=False)))
        .order_by("-pk")[:_MAX_RESULTS]
    )


def _find_invitations(words: list[str]) -> list[FoundInvitation]:
    at = timezone.now()
    return [
        *invitation_search.find_office_invitations(words, at),
        *invitation_search.find_teacher_invitations(words, at),
    ]
