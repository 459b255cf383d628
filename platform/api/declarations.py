# ruff: noqa: F401 - imports of modules that register what they hold
"""What the API declares: tokens as readers of events, the OpenAPI extension for tokens, a periodic task."""

from api import idempotency, tokens
from webhooks.operations import readers

readers.declare("api", tokens.list_event_readers)
