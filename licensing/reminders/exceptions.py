"""Errors of the operations on reminders. Each message says what happened and what can be done."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class BadReminderDays(LicensingError):
    code = "invalid_reminder_days"


class UnknownReminder(LicensingError):
    code = "unknown_reminder"


class ReminderAlreadySent(LicensingError):
    code = "reminder_already_sent"
