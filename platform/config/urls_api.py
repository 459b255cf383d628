"""URLs of a tenant's API, under `/api/v1/`; none ends in a slash. Viewsets declare their own."""

from django.urls import path, re_path

from api import documentation
from api.documentation import openapi_json
from api.views import NotFoundView
from api.viewsets import build_urls
from collectivities.api.members import MemberViewSet
from collectivities.api.portfolio import PortfolioViewSet
from collectivities.api.webhooks import DeliveryViewSet, EventViewSet, WebhookViewSet
from imports.api.imports import ImportListViewSet, ImportViewSet
from imports.api.rows import ImportRowViewSet
from licensing.plans.renewals.api import RenewalViewSet
from licensing.pools.actions_api import AllocationActionViewSet, UndeliveredKeyViewSet
from licensing.pools.api import AllocationViewSet, PoolViewSet
from licensing.reminders.api import ReminderPolicyViewSet, ReminderViewSet
from licensing.requests.returns.api import ReturnRequestViewSet
from licensing.requests.school_requests.api import LicenceRequestViewSet
from schools.api import SchoolViewSet
from sites.office.messages_api import MessageViewSet
from sites.office.report_api import ReportViewSet

app_name = "api"

VIEWSETS = (
    SchoolViewSet,
    PortfolioViewSet,
    MemberViewSet,
    MessageViewSet,
    PoolViewSet,
    AllocationViewSet,
    AllocationActionViewSet,
    UndeliveredKeyViewSet,
    ReminderPolicyViewSet,
    ReminderViewSet,
    ReturnRequestViewSet,
    LicenceRequestViewSet,
    RenewalViewSet,
    ReportViewSet,
    EventViewSet,
    WebhookViewSet,
    DeliveryViewSet,
    ImportListViewSet,
    ImportViewSet,
    ImportRowViewSet,
)

urlpatterns = [
    path("openapi.json", openapi_json, name="openapi"),
    path("documentation/", documentation.index, name="documentation"),
    path("documentation/getting-started/", documentation.getting_started, name="getting_started"),
    path("documentation/errors/", documentation.errors, name="errors"),
    path("documentation/<slug:slug>/", documentation.resource, name="resource"),
    *build_urls(*VIEWSETS),
    re_path("^(?P<rest>.*)$", NotFoundView.as_view(), name="not_found"),
]
