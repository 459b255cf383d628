"""Check all invariants in the public schema and in every collectivity's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from licensing.pools.queries import positions
from licensing.subscriptions import sealing
from pages.invariants.books import BOOKS
from pages.invariants.licences import PUBLIC, TENANT
from pages.invariants.rules import Finding
from tenants.models import Collectivity

if TYPE_CHECKING:
    from collections.abc import Iterator

POSITION = ("position", "8. Achetées = libres + envoyées + activées, libres + tenues par un enseignant")
CODES = (
    "codes",
    "5. Chaque clé se lit, et aucune n'existe deux fois, d'une collectivité ou d'une clé de scellement à l'autre",
)


def check_all() -> list[Finding]:
    """Check every invariant and return one finding for each, sorted by rule number."""
    findings = {code: Finding(code, rule) for code, rule in _list_rules()}
    with schema_context("public"):
        for invariant in (*PUBLIC, *BOOKS):
            for sentence in _find_violations(invariant.sql, None):
                findings[invariant.code].add(sentence)
        for sentence in _find_code_violations():
            findings["codes"].add(sentence)
        collectivities = list(Collectivity.objects.order_by("pk"))
    for collectivity in collectivities:
        with tenant_context(collectivity):
            for invariant in TENANT:
                for sentence in _find_violations(invariant.sql, {"collectivity": collectivity.pk}):
                    findings[invariant.code].add(f"{collectivity.slug} : {sentence}")
            for position in positions():
                if not position.adds_up:
                    findings["position"].add(
                        f"{collectivity.slug} : lot n° {position.pool_id} : {position.bought} ≠ {position.free} + "
                        f"{position.issued} + {position.redeemed_free} + {position.held}"
                    )
    return sorted(findings.values(), key=lambda finding: int(finding.rule.split(".")[0]))


def _list_rules() -> Iterator[tuple[str, str]]:
    for invariant in (*PUBLIC, *BOOKS, *TENANT):
        yield invariant.code, invariant.rule
    yield POSITION
    yield CODES


def _find_violations(sql: str, parameters: dict[str, int] | None) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        for (sentence,) in cursor:
            yield sentence


def _find_code_violations() -> Iterator[str]:
    """Unseal every code: the unique constraint cannot detect duplicates under different sealing keys."""
    key_ids: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, sealed_code, sealed_under FROM subscriptions_activationkey ORDER BY id")
        for key_id, sealed, sealing_key in cursor:
            try:
                code = sealing.unseal(sealed, sealing_key)
            except sealing.Unsealable:
                yield f"clé n° {key_id} : aucune clé de scellement n° {sealing_key} ne l'ouvre"
                continue
            if code in key_ids:
                yield f"clés n° {key_ids[code]} et n° {key_id} : le même code"
            key_ids[code] = key_id
