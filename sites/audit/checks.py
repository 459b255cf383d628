"""Check all invariants in the public schema and in every collectivity's schema."""

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

from django.db import DataError, connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from accounts.models import SEALED_ACCOUNT_EVENTS
from collectivities.models import SEALED_AUDIT_LOG
from core import formatting
from core.formatting import number
from core.schemas import UNREADABLE, surviving_errors
from jobs import retention
from licensing.books.billing.models import SEALED_INVOICES
from licensing.entitlements import code_sealing
from licensing.payments.models import SEALED_PAYMENTS
from licensing.pools.positions import list_pool_positions
from sites.audit.invariants import FOLDER, Finding, Invariant, OfficeRows, read_invariants
from sites.audit.sales_checks import find_report_violations, find_vat_violations
from sites.audit.schema_checks import find_lacking_tables, find_structure_differences, find_unreadable_values
from tenants import privileges
from tenants.checkpoints import SignedCheckpoint, find_contradictions
from tenants.models import Collectivity


def find_retention_violations(now: datetime.datetime) -> Iterator[str]:
    """Yield a French sentence for each table of the current schema with rows that should long be deleted."""
    for table, count in retention.find_overdue(at=now):
        yield f"{table} : {formatting.pluralize(count, 'ligne')} de trop"


_INVARIANTS = [invariant for path in sorted(FOLDER.glob("*.sql")) for invariant in read_invariants(path.stem)]
PUBLIC_INVARIANTS = [one for one in _INVARIANTS if one.place == "public"]
#: The outbox is in the public schema and in each collectivity's.
OUTBOX_INVARIANTS = [one for one in _INVARIANTS if one.place == "outbox"]
OFFICE_INVARIANTS = [one for one in _INVARIANTS if one.place != "public"]
#: By code, the sentences of the rules that no single query checks.
FURTHER_RULES = {
    "position": "8. Achetées = libres + non activées + activées, non utilisées + utilisées",
    "codes": (
        "5. Chaque clé se lit, et aucune n'existe deux fois, d'une collectivité ou d'une clé de scellement à l'autre"
    ),
    "journals": "14. Un journal scellé n'est ni modifié, ni raccourci, ni complété après coup",
    "books": "32. Une facture ou un règlement scellé n'est ni modifié, ni supprimé, et aucun n'est inscrit après coup",
    "roles": "15. Les rôles de la base ont leurs droits, et aucun de plus",
    "schemas": "63. Le schéma de chaque collectivité existe, a toutes ses tables et se lit",
    "structure": "67. Le schéma de chaque collectivité est fait comme celui d'un nouveau bureau",
    "vat": (
        "35. Une vente a la TVA du lieu de qui paie, ou celle que l'exploitant a choisie avec un motif ; sa facture"
        " aussi"
    ),
    "reports": (
        "41. Une déclaration d'e-reporting dit ce que disaient les livres de sa période, une rectificative ce qui a"
        " changé"
    ),
    "retention": "69. Rien n'est gardé plus longtemps que prévu, à une semaine près",
    "readable": "70. Chaque date et chaque nombre de chaque table se lit",
}


#: Collectivities after which a new connection is taken: the server keeps what it knows of every table that a connection
#: has read until it ends, some 0.7 MB a collectivity (`python -m bench growth`).
COLLECTIVITIES_PER_CONNECTION = 200


def check_all(at: datetime.datetime | None = None) -> list[Finding]:
    """Check every invariant as of a moment, now by default; return one finding for each, sorted by rule number."""
    now = at or timezone.now()
    set_audited_moment(now)
    findings = {code: Finding(code, rule) for code, rule in list_rules()}
    with schema_context("public"):
        for code, sentence in _find_public_violations(now):
            findings[code].add(sentence)
        collectivities = list(Collectivity.objects.order_by("pk"))
        lacking = find_lacking_tables(each.schema_name for each in collectivities)
        slugs = {each.schema_name: each.slug for each in collectivities if each.schema_name not in lacking}
        for schema, sentence in find_structure_differences(list(slugs)):
            findings["structure"].add(f"{slugs[schema]} : {sentence}")
    for count, collectivity in enumerate(collectivities, start=1):
        if count % COLLECTIVITIES_PER_CONNECTION == 0 and not connection.in_atomic_block:
            connection.close()
            set_audited_moment(now)
        if collectivity.schema_name in lacking:
            findings["schemas"].add(f"{collectivity.slug} : {lacking[collectivity.schema_name]}")
            continue
        try:
            with tenant_context(collectivity), _reading_one_moment():
                for code, sentence in _find_violations_of(collectivity, now):
                    findings[code].add(f"{collectivity.slug} : {sentence}")
        except (*UNREADABLE, DataError) as error:
            findings["schemas"].add(f"{collectivity.slug} : {str(error).strip()}")
    return sorted(findings.values(), key=lambda finding: int(finding.rule.split(".")[0]))


def check_against(name: str, checkpoint: SignedCheckpoint) -> Finding:
    """Compare the chains of seals with what was signed and kept in the file `name`."""
    rule = f"Les {number(len(checkpoint.last_seals))} chaînes relevées dans {name} ne sont ni coupées, ni réécrites"
    finding = Finding("checkpoint", rule)
    for sentence in find_contradictions(checkpoint, at=timezone.now()):
        finding.add(sentence)
    return finding


def set_audited_moment(now: datetime.datetime) -> None:
    """Have the rules of the public schema read the moment as `peps.audited_at`: they ask no other clock.

    Those of an office are given it (`OfficeRows`): a node does not know the setting.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('peps.audited_at', %s, false)", [now.isoformat()])


def list_rules() -> Iterator[tuple[str, str]]:
    """Yield the code and the sentence of every rule. Its number is that of `docs/invariants.md`."""
    yield from ((invariant.code, invariant.rule) for invariant in (*PUBLIC_INVARIANTS, *OFFICE_INVARIANTS))
    yield from FURTHER_RULES.items()


def _find_public_violations(now: datetime.datetime) -> Iterator[tuple[str, str]]:
    """Yield the code and the sentence of each violation in the public schema, which is the current one."""
    # First: what follows reads rows, and stops at one that cannot be read.
    for sentence in find_unreadable_values():
        yield "readable", f"portail : {sentence}"
    for invariant in PUBLIC_INVARIANTS:
        for sentence in _find_violations(invariant.sql, None):
            yield invariant.code, sentence
    rows = OfficeRows(collectivity=None, at=now)
    for invariant in OUTBOX_INVARIANTS:
        for sentence in _find_violations_in_schema(invariant, rows):
            yield invariant.code, f"portail : {sentence}"
    for code, found in (
        ("vat", find_vat_violations()),
        ("reports", find_report_violations()),
        ("codes", _find_code_violations()),
        ("journals", (f"comptes : {one}" for one in SEALED_ACCOUNT_EVENTS.find_tampering(at=now))),
        ("books", (f"factures : {one}" for one in SEALED_INVOICES.find_tampering(at=now))),
        ("books", (f"règlements : {one}" for one in SEALED_PAYMENTS.find_tampering(at=now))),
        ("roles", privileges.find_faults()),
        ("retention", (f"portail : {one}" for one in find_retention_violations(now))),
    ):
        try:
            for sentence in found:
                yield code, sentence
        except DataError as error:
            yield code, f"ne se vérifie pas : {str(error).strip()}"


def _find_violations_of(collectivity: Collectivity, now: datetime.datetime) -> Iterator[tuple[str, str]]:
    """Yield the code and the sentence of each violation in the collectivity's schema, which is the current one."""
    for sentence in find_unreadable_values():
        yield "readable", sentence
    rows = OfficeRows(collectivity=collectivity.pk, at=now)
    for invariant in OFFICE_INVARIANTS:
        for sentence in _find_violations_in_schema(invariant, rows):
            yield invariant.code, sentence
    for sentence in SEALED_AUDIT_LOG.find_tampering(at=now):
        yield "journals", sentence
    for sentence in find_retention_violations(now):
        yield "retention", sentence
    for position in list_pool_positions():
        if not position.is_balanced:
            left = f"{position.free} + {position.issued} + {position.redeemed_free} + {position.held}"
            yield "position", f"lot n° {position.pool_id} : {position.bought} ≠ {left}"


@contextlib.contextmanager
def _reading_one_moment() -> Iterator[None]:
    """Have all statements of the block read one moment: rules compare what was read by two of them.

    A caller's transaction, in which nothing else is committed, goes on after a statement that fails.
    """
    if connection.in_atomic_block:
        with surviving_errors():
            yield
        return
    # Before the transaction: the schema, which a transaction that fails would take back.
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _find_violations_in_schema(invariant: Invariant, rows: OfficeRows) -> Iterator[str]:
    """Yield the violations of a rule in the current schema, given what it reads of the public one."""
    ctes = ", ".join(each.cte for each in invariant.public)
    sql = f"WITH {ctes} {invariant.sql}" if ctes else invariant.sql
    yield from _find_violations(sql, rows.read(invariant.public))


def _find_violations(sql: str, parameters: dict[str, Any] | None) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        for (sentence,) in cursor:
            yield sentence


def _find_code_violations() -> Iterator[str]:
    """Unseal every code: the unique constraint cannot detect duplicates under different sealing keys."""
    key_ids: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, sealed_code, sealed_under FROM entitlements_activationkey ORDER BY id")
        for key_id, sealed, sealing_key in cursor:
            try:
                code = code_sealing.unseal(sealed, sealing_key)
            except code_sealing.UnsealableCode:
                yield f"clé n° {key_id} : aucune clé de scellement n° {sealing_key} ne l'ouvre"
                continue
            if code in key_ids:
                yield f"clés n° {key_ids[code]} et n° {key_id} : le même code"
            key_ids[code] = key_id
