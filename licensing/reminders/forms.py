"""The form of a pool's reminder policy."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from licensing.reminders.models import MAX_DAYS, MAX_STEPS, ReminderPolicy
from licensing.reminders.operations import PolicyValues

_SEPARATORS = re.compile(r"[\s,;/]+|\bet\b")
_MAX_LENGTH = 60


class PolicyForm(forms.Form):
    """When the schools of a pool are reminded."""

    is_enabled = forms.BooleanField(
        label="Relancer automatiquement les écoles de ce lot",
        required=False,
        help_text="Sans cette case, aucune relance ne part d'elle-même ; vous relancez à la main.",
    )
    unredeemed_days = forms.CharField(
        label="Clé non activée : jours après l'envoi de la clé",
        required=False,
        max_length=_MAX_LENGTH,
        help_text=f"De 1 à {MAX_DAYS} jours, {MAX_STEPS} délais au plus, séparés par des virgules. Vide : aucune.",
    )
    unused_days = forms.IntegerField(
        label="Clé activée, aucune licence donnée : jours après l'activation",
        required=False,
        min_value=1,
        max_value=MAX_DAYS,
        help_text="Une seule lettre. Vide : aucune.",
    )
    writes_in_october = forms.BooleanField(
        label="Écrire en octobre aux écoles dont des licences dorment",
        required=False,
        help_text="Une lettre par an, à partir du 8 octobre : la clé est activée, des licences restent à donner.",
    )

    @classmethod
    def of_policy(cls, policy: ReminderPolicy) -> PolicyForm:
        """Return the form as the policy is."""
        return cls(
            initial={
                "is_enabled": policy.is_enabled,
                "unredeemed_days": ", ".join(str(day) for day in policy.unredeemed_days),
                "unused_days": policy.unused_days,
                "writes_in_october": policy.writes_in_october,
            }
        )

    def clean_unredeemed_days(self) -> list[int]:
        """Return the numbers that were typed."""
        parts = [part for part in _SEPARATORS.split(self.cleaned_data["unredeemed_days"]) if part]
        if not all(part.isascii() and part.isdecimal() for part in parts):
            raise forms.ValidationError("Indiquez des nombres de jours séparés par des virgules : 10, 25, 45.")
        return [int(part) for part in parts]

    def get_values(self) -> PolicyValues:
        """Return what is to be set, of a valid form."""
        data: dict[str, Any] = self.cleaned_data
        return PolicyValues(
            is_enabled=data["is_enabled"],
            unredeemed_days=data["unredeemed_days"],
            unused_days=data["unused_days"] or 0,
            writes_in_october=data["writes_in_october"],
        )
