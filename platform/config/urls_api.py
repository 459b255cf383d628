"""URLs of a tenant's API, under `/api/v1/`; none ends in a slash."""

from __future__ import annotations

from django.urls import path, re_path

from api import documentation
from api.documentation import openapi_json
from api.views import NotFoundView
from collectivities.api import members, portfolio, webhooks
from imports.api import actions as import_actions
from imports.api import imports
from licensing.pools import actions_api, api
from licensing.pools import actions_api as pool_actions
from licensing.reminders import api as reminders
from licensing.renewals import api as renewals
from licensing.requests import api as licence_requests
from licensing.returns import api as returns
from schools import api as schools
from sites.office import messages_api as messages
from sites.office.report_api import ReportView

app_name = "api"

urlpatterns = [
    path("openapi.json", openapi_json, name="openapi"),
    path("documentation/", documentation.index, name="documentation"),
    path("documentation/getting-started/", documentation.getting_started, name="getting_started"),
    path("documentation/errors/", documentation.errors, name="errors"),
    path("documentation/<slug:slug>/", documentation.resource, name="resource"),
    path("schools", schools.SchoolListView.as_view(), name="schools"),
    path("schools/<str:uai>", schools.SchoolView.as_view(), name="school"),
    path("portfolio", portfolio.PortfolioView.as_view(), name="portfolio"),
    path("portfolio/bulk", portfolio.PortfolioBulkView.as_view(), name="portfolio_bulk"),
    path("portfolio/remove", portfolio.PortfolioRemovalView.as_view(), name="portfolio_remove"),
    path("portfolio/<str:uai>", portfolio.PortfolioSchoolView.as_view(), name="portfolio_school"),
    path("members", members.MemberListView.as_view(), name="members"),
    path("messages", messages.MessageListView.as_view(), name="messages"),
    path("messages/<int:pk>", messages.MessageView.as_view(), name="message"),
    path("imports", imports.ImportListView.as_view(), name="imports"),
    path("imports/<int:pk>", imports.ImportView.as_view(), name="import"),
    path("imports/<int:pk>/layout", import_actions.ImportLayoutView.as_view(), name="import_layout"),
    path("imports/<int:pk>/rows", imports.ImportRowListView.as_view(), name="import_rows"),
    path("imports/<int:pk>/rows/<int:row>", imports.ImportRowView.as_view(), name="import_row"),
    path("imports/<int:pk>/apply", import_actions.ApplyImportView.as_view(), name="import_apply"),
    path("imports/<int:pk>/cancel", import_actions.CancelImportView.as_view(), name="import_cancel"),
    path("imports/<int:pk>/undo", import_actions.UndoImportView.as_view(), name="import_undo"),
    path("pools", api.PoolListView.as_view(), name="pools"),
    path("pools/<int:pk>", api.PoolView.as_view(), name="pool"),
    path("pools/<int:pk>/reminder-policy", reminders.ReminderPolicyView.as_view(), name="reminder_policy"),
    path("reminders", reminders.ReminderListView.as_view(), name="reminders"),
    path("reminders/<int:pk>/cancel", reminders.ReminderCancellationView.as_view(), name="reminder_cancel"),
    path("allocations", api.AllocationListView.as_view(), name="allocations"),
    path("allocations/bulk", api.BulkAllocationView.as_view(), name="allocations_bulk"),
    path("allocations/revoke", pool_actions.BulkRevokeView.as_view(), name="allocations_revoke"),
    path("allocations/restore", pool_actions.BulkRestoreView.as_view(), name="allocations_restore"),
    path("allocations/resend", pool_actions.BulkResendView.as_view(), name="allocations_resend"),
    path("allocations/remind", pool_actions.BulkRemindView.as_view(), name="allocations_remind"),
    path("allocations/undelivered", actions_api.UndeliveredKeyListView.as_view(), name="allocations_undelivered"),
    path("allocations/readdress", actions_api.ReaddressView.as_view(), name="allocations_readdress"),
    path("allocations/<int:pk>", pool_actions.AllocationView.as_view(), name="allocation"),
    path("allocations/<int:pk>/revoke", pool_actions.RevokeView.as_view(), name="allocation_revoke"),
    path("allocations/<int:pk>/restore", pool_actions.RestoreView.as_view(), name="allocation_restore"),
    path("allocations/<int:pk>/resend", pool_actions.ResendView.as_view(), name="allocation_resend"),
    path("allocations/<int:pk>/remind", pool_actions.RemindView.as_view(), name="allocation_remind"),
    path("allocations/<int:pk>/reduce", pool_actions.ReduceView.as_view(), name="allocation_reduce"),
    path("report", ReportView.as_view(), name="report"),
    path("allocations/<int:pk>/return-request", returns.AskView.as_view(), name="allocation_return_request"),
    path("return-requests", returns.ReturnRequestListView.as_view(), name="return_requests"),
    path("return-requests/<int:pk>", returns.ReturnRequestView.as_view(), name="return_request"),
    path("return-requests/<int:pk>/withdraw", returns.WithdrawView.as_view(), name="return_request_withdraw"),
    path("renewal", renewals.RenewalView.as_view(), name="renewal"),
    path("renewal/lines", renewals.RenewalLinesView.as_view(), name="renewal_lines"),
    path("requests", licence_requests.LicenceRequestListView.as_view(), name="requests"),
    path("requests/accept", licence_requests.AcceptRequestsView.as_view(), name="requests_accept"),
    path("requests/refuse", licence_requests.RefuseRequestsView.as_view(), name="requests_refuse"),
    path("requests/<int:pk>", licence_requests.LicenceRequestView.as_view(), name="request"),
    path("events", webhooks.EventListView.as_view(), name="events"),
    path("events/<str:id>", webhooks.EventView.as_view(), name="event"),
    path("webhooks", webhooks.WebhookListView.as_view(), name="webhooks"),
    path("webhooks/<int:pk>", webhooks.WebhookView.as_view(), name="webhook"),
    path("webhooks/<int:pk>/rotate", webhooks.WebhookSecretRotationView.as_view(), name="webhook_rotate"),
    path("webhooks/<int:pk>/test", webhooks.WebhookTestView.as_view(), name="webhook_test"),
    path("webhooks/<int:pk>/deliveries", webhooks.DeliveryListView.as_view(), name="deliveries"),
    path("webhooks/<int:pk>/deliveries/<int:number>", webhooks.DeliveryView.as_view(), name="delivery"),
    path(
        "webhooks/<int:pk>/deliveries/<int:number>/replay",
        webhooks.DeliveryReplayView.as_view(),
        name="delivery_replay",
    ),
    re_path("^(?P<rest>.*)$", NotFoundView.as_view(), name="not_found"),
]
