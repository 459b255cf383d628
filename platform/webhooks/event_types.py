"""Types of events: each app declares those that it emits, as choices; for the database they are texts."""

from django.db import models

from core.registry import Registry

_types: Registry[str] = Registry("event type")


class WebhookEventType(models.TextChoices):
    #: Sent to its own endpoint alone, whatever that subscribes to.
    TEST = "webhook.test", "Essai"


def declare_event_types(types: type[models.TextChoices]) -> None:
    """Declare the types of an app with their French labels. Raises `ImproperlyConfigured` where one is taken."""
    for kind in types:
        _types.declare(kind.value, kind.label)


def list_event_types() -> list[tuple[str, str]]:
    """Return the name and label of every type, by name."""
    return sorted(_types.items())


def list_subscribable_types() -> list[tuple[str, str]]:
    """Return the name and label of the types that an endpoint may subscribe to, by name."""
    return [(name, label) for name, label in list_event_types() if name != WebhookEventType.TEST]


def get_event_type_label(name: str) -> str:
    """Return the French label of a type; its name where no app declares it any more."""
    return _types.get(name, name)


declare_event_types(WebhookEventType)
