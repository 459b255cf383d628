"""Leases on deliveries: claim them, record their results.

A claim takes the first pending delivery of each subject, so that events about one subject arrive in order, and commits
before anything is sent. The deliveries of a killed worker are due again when its lease ends, and may then arrive twice,
under the same `webhook-id`. Results are written only while the lease is still held (compared by `lease_until`).
"""

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat, Trim
from prometheus_client import Counter, Histogram

from core.telemetry import count_on_commit
from webhooks.models import Attempt, Delivery, DeliveryState, DisabledReason, WebhookEndpoint

ATTEMPTS = Histogram(
    "peps_webhook_attempt_seconds",
    "Requests to receivers of webhooks; outcome: delivered, or refused (an answer that is no success, or none).",
    ["outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
for _outcome in ("delivered", "refused"):
    ATTEMPTS.labels(_outcome)
GIVEN_UP = Counter("peps_webhooks_given_up", "Webhooks that are not tried again.")


#: HTTP status that disables an endpoint.
STATUS_GONE = 410

TIMED_OUT = "Aucune réponse en dix secondes."
#: The same for a name that does not exist and for one that leads to a private network: reveals no internal host name.
HOST_UNREACHABLE = "Ce serveur ne se trouve pas en ce moment (DNS), ou se trouve dans un réseau qui n'est pas permis."
INVALID_URL = "Cette adresse n'en est pas une : modifiez-la."
CONNECTION_REFUSED = "Aucun serveur n'accepte la connexion à cette adresse."
BAD_CERTIFICATE = "Le certificat du serveur n'est pas valable pour cette adresse, ou n'est reconnu par personne."
TLS_FAILED = "La connexion chiffrée (TLS) n'a pas pu s'établir."
CONNECTION_LOST = "La connexion s'est interrompue avant la réponse."
NOT_HTTP = "La réponse n'est pas du HTTP lisible."
UNSEAL_FAILED = "Le secret de signature ne peut plus être relu : renouvelez-le, puis rejouez l'envoi."
HTTP_NOT_ALLOWED = "L'adresse n'est pas en https : l'exploitant du site ne permet plus d'envoi en clair. Modifiez-la."
GAVE_UP = "Abandonné au bout de trois jours sans succès."
ENDPOINT_REMOVED = "Le webhook a été supprimé."

_BY_STATUS = {
    400: "Le destinataire n'a pas compris l'envoi.",
    401: "Le destinataire demande à qui l'envoie de s'identifier : il doit se fier à la signature.",
    403: "Le destinataire refuse l'accès.",
    404: "Il n'y a rien à cette adresse chez le destinataire.",
    405: "Le destinataire n'accepte pas de POST à cette adresse.",
    408: "Le destinataire a trouvé l'envoi trop lent.",
    410: "Le destinataire ne veut plus rien recevoir : le webhook a été désactivé.",
    413: "Le destinataire trouve l'envoi trop grand.",
    429: "Le destinataire demande de ralentir.",
    502: "Le serveur du destinataire est injoignable derrière son relais.",
    503: "Le serveur du destinataire est momentanément indisponible.",
    504: "Le serveur du destinataire n'a pas répondu à son relais.",
}


class AttemptResult(NamedTuple):
    """Columns of one `Attempt`. `status` None: no response, `reason` says why. Empty `reason`: delivered."""

    status: int | None
    reason: str
    answer: str
    #: In milliseconds.
    duration: int

    @property
    def is_delivered(self) -> bool:
        return not self.reason


def explain_status(status: int) -> str:
    """Explain an HTTP status; empty if the event was delivered."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own division
        return ""
    if 300 <= status < 400:  # noqa: PLR2004
        sentence = (
            "Le destinataire renvoie à une autre adresse, et les envois ne suivent pas : indiquez l'adresse définitive."
        )
    elif status in _BY_STATUS:
        sentence = _BY_STATUS[status]
    elif status >= 500:  # noqa: PLR2004
        sentence = "Le serveur du destinataire est en panne."
    else:
        sentence = "Le destinataire a refusé l'envoi."
    return f"{sentence[:-1]} (réponse {status})."


#: Seconds after the first, second, … attempt; the last value repeats.
_RETRY_DELAYS = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800)
#: Seconds an endpoint is paused after the first, second, … round without a success; one that hangs is a step ahead.
_PAUSES = (0, 30, 120, 300, 900)
#: Grace period after `gives_up_at` for the last attempt; then the delivery fails without it.
LAST_TRY = datetime.timedelta(hours=1)


def get_lease_duration() -> datetime.timedelta:
    """Return the duration of a lease; well over the timeout of an attempt."""
    return datetime.timedelta(seconds=settings.WEBHOOKS_LEASE)


def get_retry_delay(attempts: int) -> datetime.timedelta:
    """Return the retry delay after that many attempts."""
    return datetime.timedelta(seconds=_RETRY_DELAYS[min(attempts, len(_RETRY_DELAYS)) - 1])


def get_pause(failures: int) -> datetime.timedelta:
    """Return how long an endpoint is paused after that many rounds without a success."""
    return datetime.timedelta(seconds=_PAUSES[min(failures, len(_PAUSES)) - 1])


@transaction.atomic
def claim(*, endpoint_id: int, limit: int, at: datetime.datetime) -> list[Delivery]:
    """Lease up to `limit` due deliveries, at most one per subject, the longest due first."""
    due = (
        Delivery.objects.first_per_subject().filter(endpoint_id=endpoint_id, next_at__lte=at).order_by("next_at", "pk")
    )
    claimed = list(due.select_related("event").select_for_update(of=("self",), skip_locked=True, no_key=True)[:limit])
    until = at + get_lease_duration()
    for delivery in claimed:
        delivery.lease_until = until
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in claimed]).update(lease_until=until, next_at=until)
    return claimed


@transaction.atomic
def record_results(
    *, endpoint_id: int, claimed: Sequence[Delivery], outcomes: Sequence[AttemptResult], at: datetime.datetime
) -> int:
    """Record the results of a claim and update the endpoint; return how many were delivered."""
    # Endpoint before deliveries: the lock order of `endpoints.remove`.
    endpoint = WebhookEndpoint.objects.locked().get(pk=endpoint_id)
    still_leased = Delivery.objects.pending().filter(
        pk__in=[delivery.pk for delivery in claimed], lease_until=claimed[0].lease_until
    )
    held = set(still_leased.locked().values_list("pk", flat=True))
    results = [(delivery, outcome) for delivery, outcome in zip(claimed, outcomes, strict=True) if delivery.pk in held]
    Attempt.objects.bulk_create(Attempt(delivery=delivery, at=at, **outcome._asdict()) for delivery, outcome in results)
    for delivery, outcome in results:
        _apply_result(delivery, outcome, at)
        ATTEMPTS.labels("delivered" if outcome.is_delivered else "refused").observe(outcome.duration / 1000)
    if given_up := sum(delivery.state == DeliveryState.FAILED for delivery, _ in results):
        count_on_commit(GIVEN_UP, given_up)
    Delivery.objects.bulk_update(
        [delivery for delivery, _ in results], ["state", "attempts", "next_at", "lease_until", "settled_at", "reason"]
    )
    _update_endpoint(endpoint, outcomes, at)
    return sum(outcome.is_delivered for _, outcome in results)


def _apply_result(delivery: Delivery, outcome: AttemptResult, at: datetime.datetime) -> None:
    delivery.attempts += 1
    delivery.lease_until, delivery.reason = None, outcome.reason
    if outcome.is_delivered:
        delivery.state, delivery.settled_at = DeliveryState.DELIVERED, at
    elif at >= delivery.gives_up_at:
        delivery.state, delivery.settled_at = DeliveryState.FAILED, at
        delivery.reason = f"{GAVE_UP} {outcome.reason}"
    else:
        # Not after `gives_up_at`, the time of the last attempt.
        delivery.next_at = min(at + get_retry_delay(delivery.attempts), delivery.gives_up_at)


def _update_endpoint(endpoint: WebhookEndpoint, outcomes: Sequence[AttemptResult], at: datetime.datetime) -> None:
    """Update the failure state of the locked endpoint after a round."""
    if any(outcome.status == STATUS_GONE for outcome in outcomes):
        if endpoint.is_enabled:
            endpoint.is_enabled, endpoint.disabled_reason = False, DisabledReason.GONE
    elif any(outcome.is_delivered for outcome in outcomes):
        if endpoint.failing_since is None:
            return
        endpoint.failures, endpoint.failing_since, endpoint.paused_until = 0, None, None
    else:
        # Limit of the smallint column; no delay depends on higher counts.
        endpoint.failures = min(endpoint.failures + 1, 32_000)
        endpoint.failing_since = endpoint.failing_since or at
        has_hung = any(outcome.reason == TIMED_OUT for outcome in outcomes)
        pause = get_pause(endpoint.failures + has_hung)
        endpoint.paused_until = at + pause if pause else None
    endpoint.save(update_fields=["is_enabled", "disabled_reason", "failures", "failing_since", "paused_until"])


def fail_overdue(*, at: datetime.datetime) -> int:
    """Fail overdue deliveries whose last attempt never ran (endpoint paused or disabled); return how many."""
    reason = Trim(Concat(Value(f"{GAVE_UP} "), "reason"))
    failed = Delivery.objects.overdue_at(at, since=LAST_TRY).update(
        state=DeliveryState.FAILED, settled_at=at, lease_until=None, reason=reason
    )
    if failed:
        count_on_commit(GIVEN_UP, failed)
    return failed
