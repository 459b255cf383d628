"""What the outbox declares: its events, and that sendings which fail are looked for."""

from mailing import refusals
from mailing.delivery_reports import MessageEvent, loss_listeners
from webhooks.event_types import declare_event_types

declare_event_types(MessageEvent)
loss_listeners.declare("mailing", refusals.schedule_check)
