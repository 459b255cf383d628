"""What the outbox declares: its events, and that sendings which fail are looked for."""

from mailing import failed_sendings
from mailing.delivery_events import MessageEvent, loss_listeners
from webhooks.event_types import declare_event_types

declare_event_types(MessageEvent)
loss_listeners.declare("mailing", failed_sendings.schedule_check)
