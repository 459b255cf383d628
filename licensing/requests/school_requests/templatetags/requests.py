"""Template tags of the pages about requests."""

from django import template

from licensing.requests.school_requests.models import LicenceRequest
from licensing.requests.school_requests.preview import LicenceRequestTable
from licensing.requests.school_requests.wording import (
    describe_grant,
    describe_to_office,
    describe_to_school,
    describe_to_teacher,
)

register = template.Library()
register.filter("request_to_school", describe_to_school)
register.filter("request_to_office", describe_to_office)
register.filter("request_grant", describe_grant)
register.filter("request_to_teacher", describe_to_teacher)


@register.simple_tag
def given_units(table: LicenceRequestTable, request: LicenceRequest) -> str:
    """Return how many licences the field of a request's row holds."""
    return table.get_given(request)
