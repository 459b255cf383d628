"""Reminders in the API: the policy of a pool, what is planned, and its cancellation."""

from typing import cast

import django_filters
from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import StrictBooleanField, StrictIntegerField, StrictSerializer, UtcDateTimeField
from api.filters import StrictNumberFilter
from api.models import TokenScope
from api.viewsets import ApiViewSet, answers, listing, operation, refuses, sends
from licensing.pools.models import Pool
from licensing.reminders import operations
from licensing.reminders.models import MAX_DAYS, MAX_STEPS, Reminder, ReminderCause, ReminderPolicy
from licensing.reminders.operations import PolicyValues, UnknownReminder
from licensing.reminders.queries import get_policy

_POLICY = {"pool": 3, "enabled": True, "unredeemed_days": [10, 25, 45], "unused_days": 15, "october": True}
_REMINDER = {
    "id": 57,
    "allocation": 1207,
    "pool": 3,
    "school": "0300123K",
    "cause": "unredeemed",
    "days": 10,
    "planned_for": "2026-12-04",
    "cancelled_at": None,
}


class ReminderPolicySerializer(serializers.Serializer[ReminderPolicy]):
    """Quand les écoles d'un lot sont relancées."""

    pool = serializers.IntegerField(source="pool_id", help_text="Le numéro du lot.")
    enabled = serializers.BooleanField(source="is_enabled", help_text="Si les relances partent d'elles-mêmes.")
    unredeemed_days = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Jours après l'envoi de la clé, tant que personne ne l'a activée ; aucun : pas de relance.",
    )
    unused_days = serializers.IntegerField(
        allow_null=True,
        help_text="Jours après l'activation, tant qu'aucune licence n'est donnée ; `null` : pas de relance.",
    )
    october = serializers.BooleanField(
        source="writes_in_october", help_text="S'il est écrit en octobre aux écoles dont des licences dorment."
    )


class ReminderPolicyUpdateSerializer(StrictSerializer):
    """Ce qu'il faut changer ; le reste est laissé tel quel."""

    enabled = StrictBooleanField(
        source="is_enabled", required=False, help_text="Si les relances partent d'elles-mêmes."
    )
    unredeemed_days = serializers.ListField(
        child=StrictIntegerField(min_value=1, max_value=MAX_DAYS),
        max_length=MAX_STEPS,
        required=False,
        help_text="Jours après l'envoi de la clé ; vide : pas de relance.",
    )
    unused_days = StrictIntegerField(
        min_value=1,
        max_value=MAX_DAYS,
        required=False,
        allow_null=True,
        help_text="Jours après l'activation ; `null` : pas de relance.",
    )
    october = StrictBooleanField(source="writes_in_october", required=False, help_text="S'il est écrit en octobre.")


class ReminderSerializer(serializers.Serializer[Reminder]):
    """Une relance prévue."""

    id = serializers.IntegerField(help_text="Son numéro.")
    allocation = serializers.IntegerField(source="allocation_id", help_text="Le numéro de l'attribution.")
    pool = serializers.IntegerField(source="allocation.pool_id", help_text="Le numéro du lot.")
    school = serializers.CharField(source="school_id", help_text="L'UAI de l'établissement.")
    cause = serializers.ChoiceField(
        choices=ReminderCause.choices,
        help_text="`unredeemed` : la clé n'est pas activée ; `unused` : elle l'est, et aucune licence n'est donnée ; "
        "`october` : des licences dorment en octobre.",
    )
    days = serializers.IntegerField(source="step", help_text="Le délai des réglages, en jours ; 0 en octobre.")
    planned_for = serializers.DateField(
        help_text="Le jour où elle part, à 8 heures en France : jamais un jour sans école."
    )
    cancelled_at = UtcDateTimeField(allow_null=True, help_text="Quand elle a été annulée.")


class ReminderFilter(django_filters.FilterSet):
    """Filter planned reminders by pool."""

    pool = StrictNumberFilter(field_name="allocation__pool", help_text="Celles de ce lot.")


class ReminderPolicyViewSet(ApiViewSet):
    """`/pools/{pk}/reminder-policy`."""

    tag = "Relances"
    write_scope = TokenScope.ALLOCATE
    serializer_class = ReminderPolicySerializer
    examples = {"Les réglages d'un lot": _POLICY}

    @operation(
        "GET pools/<int:pk>/reminder-policy",
        "reminder_policy",
        "getReminderPolicy",
        "Lire les réglages des relances d'un lot",
    )
    def retrieve(self, pk: int) -> ReminderPolicy:
        """Quand les écoles du lot sont relancées : les réglages d'usage tant que personne ne les a changés."""
        _check_pool(pk)
        return get_policy(pk)

    @operation(
        "PATCH pools/<int:pk>/reminder-policy",
        "reminder_policy",
        "updateReminderPolicy",
        "Régler les relances d'un lot",
    )
    @sends(
        ReminderPolicyUpdateSerializer,
        {"Plus aucune relance": {"enabled": False}, "Deux relances": {"unredeemed_days": [14, 30]}},
    )
    def update(self, pk: int) -> ReminderPolicy:
        """Change les réglages, et aussitôt ce qui est prévu. Ce qui est parti ou annulé n'est pas prévu de nouveau."""
        _check_pool(pk)
        values = cast("PolicyValues", self.read_body())
        return operations.set_policy(pool_id=pk, values=values, by=self.actor(), at=timezone.now())


class ReminderViewSet(ApiViewSet):
    """`/reminders`."""

    tag = "Relances"
    write_scope = TokenScope.ALLOCATE
    queryset = Reminder.objects.planned().select_related("allocation")
    serializer_class = ReminderSerializer
    filterset_class = ReminderFilter
    cursor_field = "pk"
    absences = (UnknownReminder,)
    examples = {"Une relance prévue": _REMINDER}

    @listing("reminders", "reminders", "listReminders", "Lire les relances prévues")
    def list(self) -> Response:
        """Les prochaines relances, une par école au plus : ni celles qui sont parties, ni celles qui sont annulées."""
        return self.list_response()

    @operation("POST reminders/<int:pk>/cancel", "reminder_cancel", "cancelReminder", "Annuler une relance prévue")
    @answers(examples={"Elle est annulée": _REMINDER | {"cancelled_at": "2026-12-02T09:14:00.251907Z"}})
    @refuses("reminder_already_sent")
    def cancel(self, pk: int) -> Reminder:
        """Annule une relance : celle du délai suivant reste prévue. Annulée deux fois, elle l'est une.

        Une relance qui n'est plus prévue est une absence (404).
        """
        self.read_body()
        return operations.cancel(reminder_id=pk, by=self.actor(), at=timezone.now())


def _check_pool(pk: int) -> None:
    if not Pool.objects.filter(pk=pk).exists():
        raise Http404
