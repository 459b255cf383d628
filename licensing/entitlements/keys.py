"""Activation keys: their format, minted in bulk, their units, and what a mistyped one may mean.

A code is twelve symbols of Crockford's base 32: eleven random (55 bits) and a check symbol, a weighted sum over GF(32).
Adjacent weights differ and none is zero, so every single wrong symbol and every swap of neighbours is detected.
Displayed as `NIMES-7K3M-Q9TX-2HWB`: the prefix names the giver and is not part of the code.
"""

import datetime
import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence

import psycopg.errors
from django.db import IntegrityError, connection, transaction
from prometheus_client import Counter

from core.copy_rows import copy_rows, reserve_ids
from core.telemetry import count_on_commit
from licensing.entitlements import code_sealing
from licensing.entitlements.models import ActivationKey, Entitlement, SeatMode, Subscription


@transaction.atomic
def grow_many(additions: Mapping[int, int], *, readdressed: Collection[int] = ()) -> None:
    """Add units to keys that the caller has locked, and seats to the subscriptions of redeemed ones.

    `additions`: units to add, at least one, by primary key of the key. `readdressed`: those whose e-mail goes to
    another address from now on, so that links of before prove nothing.
    """
    if not additions:
        return
    if min(additions.values()) < 1:
        raise ValueError("A key grows by at least one unit.")
    changed = frozenset(readdressed)
    arrays = [list(additions.keys()), list(additions.values())]
    # Lock order: key → subscription → seat.
    list(Subscription.objects.locked().filter(key_id__in_array=arrays[0]).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE public.{ActivationKey._meta.db_table} AS key SET units = key.units + grown.units,"  # noqa: S608, SLF001
            " recipient_changes = key.recipient_changes + grown.changes"
            " FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS grown (key_id, units, changes)"
            " WHERE key.id = grown.key_id",
            [*arrays, [int(key_id in changed) for key_id in additions]],
        )
        cursor.execute(
            "WITH grown AS ("
            "  UPDATE public.entitlements_subscription AS subscription SET size = subscription.size + added.units"
            "  FROM unnest(%s::bigint[], %s::int[]) AS added (key_id, units)"
            "  WHERE subscription.key_id = added.key_id RETURNING subscription.id, subscription.size, added.units"
            ") INSERT INTO public.entitlements_seat (subscription_id, number, mode)"
            " SELECT grown.id, number, '' FROM grown, generate_series(grown.size - grown.units + 1, grown.size) number",
            arrays,
        )


@transaction.atomic
def shrink_many(units: Mapping[int, int]) -> None:
    """Lower the units of unredeemed keys that the caller has locked.

    `units`: the new number, by primary key of the key. Raises `ValueError`, having changed nothing, where a key was
    redeemed or would not shrink.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE public.{ActivationKey._meta.db_table} AS key SET units = reduced.units"  # noqa: S608, SLF001
            " FROM unnest(%s::bigint[], %s::int[]) AS reduced (key_id, units)"
            " WHERE key.id = reduced.key_id AND key.redeemed_at IS NULL AND key.units > reduced.units",
            [list(units.keys()), list(units.values())],
        )
        if cursor.rowcount != len(units):
            raise ValueError("Only keys that nobody redeemed shrink, and only to less than they were worth.")


MINTED_KEYS = Counter("peps_keys_minted", "Keys that were made, for allocations and for the shop.")
MINTED_UNITS = Counter("peps_minted_units", "Licences of the keys that were made.")
REDEEMED_KEYS = Counter("peps_keys_redeemed", "Keys that principals typed or followed.")
REDEEMED_UNITS = Counter("peps_redeemed_units", "Licences of the keys that were redeemed.")
SEATS = Counter("peps_seats_taken", "Seats that teachers received; mode: as of the seat.", ["mode"])
for _mode in SeatMode:
    SEATS.labels(_mode.value)


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
GROUP = 4
_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
# Look-alikes, as Crockford defines them.
_VALUES |= {"O": 0, "I": 1, "L": 1}
# Dashes, and what surrounds a string copied from an e-mail.
_SEPARATORS = re.compile(r"[\s\-_.,;:·\"'«»“”‘’<>()\[\]‐‑‒–—―−]+")


def _multiply_by_x(terms: dict[str, int]) -> dict[str, int]:
    """Return the values times x in GF(32) with x⁵ + x² + 1, by symbol."""
    return {symbol: value << 1 ^ (0b100101 if value & 16 else 0) for symbol, value in terms.items()}


# Contribution of each symbol to the check sum, by position: its value times x, and once more at each position.
_CHECK_TERMS = [_multiply_by_x(_VALUES)]
while len(_CHECK_TERMS) < LENGTH - 1:
    _CHECK_TERMS.append(_multiply_by_x(_CHECK_TERMS[-1]))


def compute_check_symbol(data: str) -> str:
    """Return the check symbol of at most eleven symbols of the alphabet."""
    total = 0
    for terms, symbol in zip(_CHECK_TERMS, data, strict=False):
        total ^= terms[symbol]
    return ALPHABET[total]


class InvalidKey(ValueError):
    """The text cannot be a key. The message says why, in French, for the person who typed it."""


# Symbols are drawn in pairs: generating 60,000 codes need not loop over single symbols.
_PAIRS = [ALPHABET[pair >> 5] + ALPHABET[pair & 31] for pair in range(1024)]
# Contribution of a pair to the check sum, by position of the pair.
_PAIR_CHECK_TERMS = [
    [_CHECK_TERMS[place][pair[0]] ^ _CHECK_TERMS[place + 1][pair[1]] for pair in _PAIRS]
    for place in range(0, LENGTH - 2, 2)
]
_LAST_CHECK_TERMS = [_CHECK_TERMS[LENGTH - 2][symbol] for symbol in ALPHABET]


def generate() -> str:
    """Return a new code of twelve symbols, from the system's random generator."""
    bits = secrets.randbits(5 * (LENGTH - 1))
    a, b, c, d, e = bits & 1023, bits >> 10 & 1023, bits >> 20 & 1023, bits >> 30 & 1023, bits >> 40 & 1023
    last = bits >> 50
    terms = _PAIR_CHECK_TERMS
    check = terms[0][a] ^ terms[1][b] ^ terms[2][c] ^ terms[3][d] ^ terms[4][e] ^ _LAST_CHECK_TERMS[last]
    return _PAIRS[a] + _PAIRS[b] + _PAIRS[c] + _PAIRS[d] + _PAIRS[e] + ALPHABET[last] + ALPHABET[check]


def display(prefix: str, code: str) -> str:
    """Return the code as displayed: `NIMES-7K3M-Q9TX-2HWB`."""
    groups = [code[start : start + GROUP] for start in range(0, LENGTH, GROUP)]
    return "-".join([prefix, *groups] if prefix else groups)


def parse(text: str) -> str:
    """Parse typed text into twelve symbols, ignoring case, spaces, dashes and look-alikes.

    Raises `InvalidKey` where the text is too short, has a symbol outside the alphabet, or a wrong check symbol.
    """
    groups = split_groups(text)
    symbols = "".join(groups)
    if not symbols:
        raise InvalidKey("Saisissez la clé reçue par e-mail.")
    if len(symbols) < LENGTH:
        raise InvalidKey(
            f"Une clé compte {LENGTH} caractères après son préfixe, en trois groupes de quatre : il en manque. "
            "Recopiez-la en entier."
        )
    if len(groups) > LENGTH // GROUP and all(len(group) <= GROUP + 1 for group in groups[-3:]):
        # Typed in groups: name the one that is too short or too long.
        for group in groups[-3:]:
            if len(group) != GROUP:
                raise InvalidKey(
                    f"Le groupe « {group} » compte {len(group)} caractères au lieu de {GROUP} : comparez-le à la clé "
                    "reçue."
                )
    code, strange = fold_symbols(symbols[-LENGTH:])
    if strange:
        raise InvalidKey(f"Le caractère « {strange} » n'apparaît dans aucune clé : comparez-la à celle reçue.")
    if compute_check_symbol(code[:-1]) != code[-1]:
        raise InvalidKey("Cette clé comporte une faute de frappe : comparez-la à celle de l'e-mail, groupe par groupe.")
    return code


def get_prefix(text: str) -> str:
    """Return what stands before the twelve symbols of a typed key, in capitals; empty where nothing does."""
    return "".join(split_groups(text))[:-LENGTH]


def split_groups(text: str) -> list[str]:
    """Return the groups of a typed code in capitals, without what separates or surrounds them."""
    # NFKC folds full-width and other compatibility forms; category Cf is soft hyphens and direction marks.
    visible = (
        character for character in unicodedata.normalize("NFKC", text) if unicodedata.category(character) != "Cf"
    )
    return [group for group in _SEPARATORS.split("".join(visible).upper()) if group]


def fold_symbols(symbols: str) -> tuple[str, str]:
    """Return the symbols with look-alikes replaced, and the first that is not of the alphabet, or an empty string."""
    strange = next((symbol for symbol in symbols if symbol not in _VALUES), "")
    return "".join(ALPHABET[_VALUES[symbol]] for symbol in symbols if symbol in _VALUES), strange


# Keys that a mistyped one may mean: for the operator's search, and nowhere else. Pure.
#
# Whoever enters a key to redeem it gets no correction: it would be a guess among a dozen for the price of one.

#: What is typed between the symbols of a key.
_GAPS = re.compile(r"[\W_]+")
_GROUPS = 3


def list_corrections(text: str) -> list[str]:
    """Return the codes one slip away from a mistyped one: a symbol wrong, missing, doubled, or two swapped.

    The check symbol leaves about a dozen of them. Empty for a well-formed key, and where the text is too far from one.
    """
    try:
        parse(text)
    except InvalidKey:
        symbols = _read_symbols(text)
    else:
        return []
    found = []
    for candidate in sorted(_edits(symbols)):
        try:
            found.append(parse(candidate))
        except InvalidKey:
            continue
    return list(dict.fromkeys(found))


def _read_symbols(text: str) -> str:
    """Return the symbols of a key without its prefix, which only groups or the usual length tell apart."""
    groups = [group for group in _GAPS.split(text.upper()) if group]
    symbols = "".join(groups)
    if len(groups) > _GROUPS and len(symbols) > LENGTH:
        return "".join(groups[-_GROUPS:])
    return symbols if len(symbols) <= LENGTH + 1 else symbols[-LENGTH:]


def _edits(symbols: str) -> set[str]:
    places = range(len(symbols))
    if len(symbols) == LENGTH:
        replaced = {symbols[:at] + other + symbols[at + 1 :] for at in places for other in ALPHABET}
        return replaced | {symbols[:at] + symbols[at + 1] + symbols[at] + symbols[at + 2 :] for at in range(LENGTH - 1)}
    if len(symbols) == LENGTH - 1:
        return {symbols[:at] + other + symbols[at:] for at in range(LENGTH) for other in ALPHABET}
    if len(symbols) == LENGTH + 1:
        return {symbols[:at] + symbols[at + 1 :] for at in places}
    return set()


#: A collision among 55 random bits is rare; repeated collisions mean a broken generator.
_MAX_ATTEMPTS = 3
# Schema-qualified: the current schema may be a tenant's.
_TABLE = "public.entitlements_activationkey"
_COLUMNS = {
    "id": "int8",
    "entitlement_id": "int8",
    "school_id": "varchar",
    "prefix": "varchar",
    "sealed_code": "bytea",
    "sealed_under": "int2",
    "units": "int4",
    "issued_at": "timestamptz",
    "exposed_at": "timestamptz",
}


class CodesExhausted(Exception):
    """Repeated draws collided with existing codes: the random generator cannot be trusted."""


@transaction.atomic
def mint(
    *, entitlement: Entitlement, prefix: str, demands: Sequence[tuple[str | None, int, bool]], at: datetime.datetime
) -> list[int]:
    """Create one key per demand (UAI, units, exposed) and return their primary keys in the same order.

    A key is exposed where somebody besides the school's official mailbox will know it: redeeming it verifies nobody.
    Codes are unique across all tenants: on a unique violation the codes are drawn again. Raises `CodesExhausted`.
    """
    if not demands:
        return []
    numbers = reserve_ids(_TABLE, len(demands))
    for _ in range(_MAX_ATTEMPTS):
        # A generator: codes are drawn and sealed while the database receives the previous ones.
        codes: Iterable[str] = (generate() for _ in demands)
        if code_sealing.has_older_keys():
            codes = list(codes)
            if _exist_under_older_keys(codes):
                continue
        try:
            with transaction.atomic():
                _copy_rows(numbers, codes, entitlement=entitlement, prefix=prefix, demands=demands, at=at)
        except IntegrityError as error:
            if isinstance(error.__cause__, psycopg.errors.UniqueViolation):
                continue
            raise
        count_on_commit(MINTED_KEYS, len(demands))
        count_on_commit(MINTED_UNITS, sum(units for _, units, _ in demands))
        return numbers
    raise CodesExhausted(f"{_MAX_ATTEMPTS} draws of {len(demands)} codes each met a code that exists.")


def _exist_under_older_keys(codes: Collection[str]) -> bool:
    """Whether a code exists sealed under an older key, which the unique constraint cannot detect."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {_TABLE} WHERE sealed_code = ANY(%s::bytea[]))",  # noqa: S608
            [code_sealing.seal_under_older_keys(codes)],
        )
        return bool(cursor.fetchone()[0])


def _copy_rows(
    numbers: list[int],
    codes: Iterable[str],
    *,
    entitlement: Entitlement,
    prefix: str,
    demands: Sequence[tuple[str | None, int, bool]],
    at: datetime.datetime,
) -> None:
    entitlement_id, under = entitlement.pk, code_sealing.current_key_number()
    copy_rows(
        _TABLE,
        _COLUMNS,
        (
            (number, entitlement_id, uai, prefix, sealed, under, units, at, at if exposed else None)
            for number, sealed, (uai, units, exposed) in zip(
                numbers, code_sealing.seal_many(codes), demands, strict=True
            )
        ),
    )
