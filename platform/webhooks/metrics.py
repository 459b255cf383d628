"""Webhooks of all offices, counted by what became of them, and how long their receivers took."""

from prometheus_client import Counter, Histogram

ATTEMPTS = Histogram(
    "peps_webhook_attempt_seconds",
    "Requests to receivers of webhooks; outcome: delivered, or refused (an answer that is no success, or none).",
    ["outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
for _outcome in ("delivered", "refused"):
    ATTEMPTS.labels(_outcome)
GIVEN_UP = Counter("peps_webhooks_given_up", "Webhooks that are not tried again.")
