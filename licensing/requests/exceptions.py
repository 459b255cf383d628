"""Refusals of the operations on requests. Each message says what happened and what can be done."""

from __future__ import annotations

from licensing.exceptions import LicensingError


class NotATeacherOfTheSchool(LicensingError):
    """Only a teacher who chose a school of the directory asks its principal."""

    code = "not_a_teacher"


class LicenceHeldAlready(LicensingError):
    """The teacher holds a licence of this school year."""

    code = "licence_held"


class RequestOpenAlready(LicensingError):
    """A request waits for its answer: a second one is not opened."""

    code = "request_open"


class NotPrincipalOfSchool(LicensingError):
    """Whoever asks for a school is not verified to lead it."""

    code = "not_principal"


class UnknownRequest(LicensingError):
    """No such request, of this school or of this collectivity."""

    code = "unknown_request"


class RequestAnswered(LicensingError):
    """The request was accepted, refused or withdrawn, or its school year is over."""

    code = "request_answered"


class BadRequestUnits(LicensingError):
    """The number of licences is none, or too large."""

    code = "invalid_units"


class BadRequestSentence(LicensingError):
    """A reason is missing, too long, or names somebody."""

    code = "invalid_reason"


class NoCollectivityToAsk(LicensingError):
    """The collectivity is none that the school may ask."""

    code = "unknown_collectivity"


class SchoolYearNotAsked(LicensingError):
    """Licences of this school year are not asked for now."""

    code = "invalid_school_year"


class PoolOfAnotherYear(LicensingError):
    """The pool's licences are not those that a request is for."""

    code = "pool_of_another_year"


class TooManyLicenceRequests(LicensingError):
    """The limit of requests of a school, or of a teacher, is reached."""

    code = "too_many_licence_requests"
