"""« Rechercher partout »: one search for clients, people, schools, orders, invoices, amounts, UAIs, addresses and keys.

A key is looked up by its sealed form; it is never stored, logged, shown again or part of an address. What may be a
mistyped key is searched among keys one slip away from it, and among sales by its number or amount, never as a name.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import OperationalError, connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from collectivities.operations.members import format_roles
from core.foreign_values import MAX_SEARCH_LENGTH
from licensing.books.billing.models import Invoice
from licensing.entitlements import keys
from licensing.entitlements.keys import InvalidKey
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.queries import find_key, find_keys_like
from licensing.orders.models import Order
from licensing.payments.models import Payment
from mailing.models import Message, MessageState
from schools import uai
from schools.folding import edit_distance, fold
from schools.models import Affiliation, School
from sites.back_office import invitations, name_search, sale_search
from sites.back_office.invitations import FoundInvitation
from sites.back_office.name_search import MAX_NAMED, MIN_LETTERS
from sites.back_office.sale_search import MAX_SALES, select_orders
from tenants.cross_schema import query_all
from tenants.models import Collectivity, OfficeRequest


class WantedKind(StrEnum):
    """What somebody says to look for."""

    INVOICES = "invoices"
    ORDERS = "orders"
    KEYS = "keys"
    INVITATIONS = "invitations"


_KINDS = {
    **dict.fromkeys(("facture", "factures", "avoir", "avoirs"), WantedKind.INVOICES),
    **dict.fromkeys(("commande", "commandes", "devis"), WantedKind.ORDERS),
    **dict.fromkeys(("cle", "cles", "clef", "clefs"), WantedKind.KEYS),
    **dict.fromkeys(("invitation", "invitations"), WantedKind.INVITATIONS),
}
#: A longer word is a kind even with a slip: « factre ».
_MIN_MISSPELT = 6
#: Of the question, not of a name; left out beside a kind alone.
_QUESTION = frozenset((
    "a", "ai", "cherche", "d", "de", "des", "du", "est", "j", "je", "l", "la", "le", "les", "leur", "leurs", "ma",
    "mes", "mon", "n", "no", "nos", "notre", "numero", "ou", "pas", "pour", "quelle", "recu", "sa", "ses", "son",
    "sont", "trouve", "trouver", "un", "une", "vos", "votre",
))  # fmt: skip
_KEY_NUMBER = re.compile(r"(?:la |ma |sa )?cle?f?s? ?(?:n|no|num|numero)? ?([0-9]{1,15})")
#: Of ten digits, or with the country's prefix.
_PHONE = re.compile(r"(?:\+33|0033|0)([1-9][0-9]{8})")


class SearchQuestion(NamedTuple):
    """The kind that is asked for, None if none is, and the text that is left."""

    wanted: WantedKind | None
    rest: str


def read_question(text: str) -> SearchQuestion:
    """Return what a text asks for; the text as it is where it names no kind, or nothing besides. Pure."""
    words = fold(text).split()
    kinds = [kind for word in words if (kind := _read_kind(word))]
    rest = " ".join(word for word in words if word not in _QUESTION and not _read_kind(word))
    return SearchQuestion(kinds[0], rest) if kinds and rest else SearchQuestion(None, text)


def read_key_number(text: str) -> int | None:
    """Return the number of « clé n° 40 », as pages name a key; None for any other text. Pure."""
    match = _KEY_NUMBER.fullmatch(fold(text))
    return int(match[1]) if match else None


def read_phone(text: str) -> str:
    """Return the last nine digits of a French telephone number; empty for any other text. Pure."""
    match = _PHONE.fullmatch(re.sub(r"[\s.()/-]", "", text))
    return match[1] if match else ""


def _read_kind(word: str) -> WantedKind | None:
    if word in _KINDS or len(word) < _MIN_MISSPELT:
        return _KINDS.get(word)
    return next((kind for known, kind in _KINDS.items() if edit_distance(word, known) == 1), None)


@dataclass
class OfficeMatch:
    """A match in a collectivity's schema."""

    collectivity: Collectivity
    kind: str
    detail: str


@dataclass
class GlobalSearchResult:
    """Search results. `query_label` describes the interpreted query; it never contains a key."""

    query_label: str
    problem: str = ""
    #: What to know of these results: that they are near what was typed, and not it.
    note: str = ""
    collectivities: list[Collectivity] = field(default_factory=list)
    schools: list[School] = field(default_factory=list)
    #: How many schools there are; those listed are the first.
    school_total: int = 0
    people: list[User] = field(default_factory=list)
    office_requests: list[OfficeRequest] = field(default_factory=list)
    keys: list[ActivationKey] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    invitations: list[FoundInvitation] = field(default_factory=list)
    emails: list[Message] = field(default_factory=list)
    lines: list[OfficeMatch] = field(default_factory=list)
    #: An amount was searched, and no sale has it: it may be of the bank.
    is_unknown_amount: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there are no results."""
        sales = (self.orders, self.invoices, self.payments)
        people = (self.people, self.office_requests, self.invitations, self.emails)
        found = (self.collectivities, self.schools, *people, self.keys, *sales, self.lines)
        return not self.problem and not any(found)

    @property
    def is_cut(self) -> bool:
        """Whether a list may have ended before its last row; that of schools says so itself."""
        lists = (self.collectivities, self.people, self.office_requests, self.invitations, self.orders, self.invoices)
        return any(len(one) >= MAX_NAMED for one in lists)

    @property
    def hidden_schools(self) -> int:
        """How many schools are found and not listed."""
        return max(self.school_total - len(self.schools), 0)


SCHOOL_SQL = """
SELECT 'École du périmètre', concat_ws(' ', contact_name, contact_email)
FROM {schema}.collectivities_portfolioschool WHERE school_id = %s
UNION ALL SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s) à ' || recipient
  || CASE WHEN revoked_at IS NULL THEN '' ELSE ', reprise' END
FROM {schema}.pools_allocation WHERE school_id = %s
"""
EMAIL_SQL = """
SELECT 'Membre', array_to_string(roles, ',') || CASE WHEN left_at IS NULL THEN '' ELSE ' (parti)' END
FROM {schema}.collectivities_member WHERE user_id = ANY(%s)
UNION ALL SELECT 'Contact d''une école', school_id
FROM {schema}.collectivities_portfolioschool WHERE lower(contact_email) = %s
UNION ALL SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s), école ' || school_id
FROM {schema}.pools_allocation WHERE lower(recipient) = %s
UNION ALL SELECT 'E-mails', count(*) || ' ' || state
FROM {schema}.mailing_message WHERE lower(recipient) = %s GROUP BY state
"""
KEY_SQL = """
SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s), école ' || school_id || ', à ' || recipient
FROM {schema}.pools_allocation WHERE key_id = %s
"""


def find_in_offices(sql: str, params: Sequence[Any]) -> list[OfficeMatch]:
    """Return the rows of a statement of each schema: a kind and a detail."""
    found = []
    for collectivity, (kind, detail) in query_all(sql, params):
        describe = _DESCRIPTIONS.get(kind, str)
        found.append(OfficeMatch(collectivity, kind, describe(str(detail))))
    return found


def _describe_roles(detail: str) -> str:
    """Return « acheteur, lecteur (parti) » of « buyer,viewer (parti) »."""
    roles, space, left = detail.partition(" ")
    return f"{format_roles(roles.split(','))}{space}{left}"


def _describe_emails(detail: str) -> str:
    """Return « 2 (remis) » of « 2 delivered »."""
    count, _space, state = detail.partition(" ")
    return f"{count} ({MessageState(state).label.lower()})"


#: What the rows of offices say in words of the database, in French.
_DESCRIPTIONS: dict[str, Callable[[str], str]] = {"Membre": _describe_roles, "E-mails": _describe_emails}


_MAX_RESULTS = 200
_SIREN_LENGTH = 9
#: Of more clients than that, their orders and invoices are not shown beside them.
_MAX_CLIENTS = 3
#: Results of the part of an address before its « @ »: of more it says nothing.
_MAX_SAME_LOCAL_PART = 5
#: How long a statement of a search may take, and from which likeness of trigrams on a word is taken for another:
#: « nismes » is nearly « nimes ». Words a letter away from another are found besides (`name_search`).
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
    if (number := read_key_number(text)) is not None:
        return _by_key_number(number)
    if (phone := read_phone(text)) and not (by_phone := _by_phone(phone)).is_empty:
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
        orders=_find_orders(Q(school=school_uai)),
        lines=find_in_offices(SCHOOL_SQL, [school_uai, school_uai]),
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
    schools = sale_search.find_near_schools(typed)
    note = "Aucune école n'a cet UAI. Les plus proches :" if schools else ""
    return GlobalSearchResult(f"UAI {typed}", note=note, schools=schools)


def _by_phone(number: str) -> GlobalSearchResult:
    return GlobalSearchResult(
        "numéro de téléphone",
        schools=name_search.find_schools_by_phone(number),
        people=name_search.find_people_by_phone(number),
        office_requests=name_search.find_requests_by_phone(number),
        lines=find_in_offices(name_search.OFFICE_SQL, [number, number]),
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
        orders=_find_orders(Q(placed_by__in=people) | Q(bill_email__iexact=email)),
        emails=list(Message.objects.filter(recipient__iexact=email).order_by("-pk")[: name_search.MAX_NAMED]),
        lines=find_in_offices(EMAIL_SQL, [[one.pk for one in people], *[email] * 3]),
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
        orders=_find_orders(Q(lines__entitlement=found.entitlement_id)),
        lines=find_in_offices(KEY_SQL, [found.pk]),
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
    wanted, rest = read_question(text)
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
    sales = sale_search.find_near_sales(amount)
    return GlobalSearchResult(
        "montant",
        note="Aucune vente n'a ce montant." if sales.is_empty else "Aucune vente n'a ce montant. Les plus proches :",
        **vars(sales),
        is_unknown_amount=True,
    )


def _by_sale(text: str) -> GlobalSearchResult:
    """Search invoices, orders and payments by number and amount."""
    return GlobalSearchResult("numéro ou montant", **vars(sale_search.find_sales(text)))


def _find_orders(condition: Q) -> list[Order]:
    return list(select_orders(Order.objects.filter(condition))[:MAX_SALES])


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
        *invitations.find_office_invitations(words, at),
        *invitations.find_teacher_invitations(words, at),
    ]
