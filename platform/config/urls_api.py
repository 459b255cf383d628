"""URLs of a tenant's API, under `/api/v1/`; none ends in a slash."""

from __future__ import annotations

from django.urls import path, re_path

from api import documentation
from api.description import openapi
from api.endpoint import Nowhere
from collectivities.api import deliveries, events, members, remit, webhooks
from imports.api import rows, steps, tables
from licensing.pools.api import acting, giving, pools
from pages.messages import api as messages
from schools import api as schools

app_name = "api"

urlpatterns = [
    path("openapi.json", openapi, name="description"),
    path("documentation/", documentation.index, name="documentation"),
    path("documentation/prise-en-main/", documentation.getting_started, name="getting_started"),
    path("documentation/erreurs/", documentation.errors, name="errors"),
    path("documentation/<slug:slug>/", documentation.resource, name="resource"),
    path("schools", schools.Schools.as_view(), name="schools"),
    path("schools/<str:uai>", schools.OneSchool.as_view(), name="school"),
    path("remit", remit.Remit.as_view(), name="remit"),
    path("remit/bulk", remit.RemitList.as_view(), name="remit_bulk"),
    path("remit/remove", remit.RemitRemoval.as_view(), name="remit_remove"),
    path("remit/<str:uai>", remit.RemitSchool.as_view(), name="remit_school"),
    path("members", members.Members.as_view(), name="members"),
    path("messages", messages.Messages.as_view(), name="messages"),
    path("messages/<int:pk>", messages.OneMessage.as_view(), name="message"),
    path("imports", tables.Imports.as_view(), name="imports"),
    path("imports/<int:pk>", tables.OneImport.as_view(), name="import"),
    path("imports/<int:pk>/choose", steps.ChooseLayout.as_view(), name="import_choose"),
    path("imports/<int:pk>/rows", rows.Rows.as_view(), name="import_rows"),
    path("imports/<int:pk>/rows/<int:row>", rows.OneRow.as_view(), name="import_row"),
    path("imports/<int:pk>/apply", steps.ApplyImport.as_view(), name="import_apply"),
    path("imports/<int:pk>/cancel", steps.CancelImport.as_view(), name="import_cancel"),
    path("imports/<int:pk>/undo", steps.UndoImport.as_view(), name="import_undo"),
    path("pools", pools.Pools.as_view(), name="pools"),
    path("pools/<int:pk>", pools.OnePool.as_view(), name="pool"),
    path("allocations", giving.Allocations.as_view(), name="allocations"),
    path("allocations/bulk", giving.ManyAllocations.as_view(), name="allocations_bulk"),
    path("allocations/revoke", acting.RevokeMany.as_view(), name="allocations_revoke"),
    path("allocations/resend", acting.ResendMany.as_view(), name="allocations_resend"),
    path("allocations/remind", acting.RemindMany.as_view(), name="allocations_remind"),
    path("allocations/<int:pk>", acting.OneAllocation.as_view(), name="allocation"),
    path("allocations/<int:pk>/revoke", acting.Revoke.as_view(), name="allocation_revoke"),
    path("allocations/<int:pk>/resend", acting.Resend.as_view(), name="allocation_resend"),
    path("allocations/<int:pk>/remind", acting.Remind.as_view(), name="allocation_remind"),
    path("allocations/<int:pk>/reduce", acting.Reduce.as_view(), name="allocation_reduce"),
    path("events", events.Events.as_view(), name="events"),
    path("events/<str:id>", events.OneEvent.as_view(), name="event"),
    path("webhooks", webhooks.Webhooks.as_view(), name="webhooks"),
    path("webhooks/<int:pk>", webhooks.OneWebhook.as_view(), name="webhook"),
    path("webhooks/<int:pk>/rotate", webhooks.Rotation.as_view(), name="webhook_rotate"),
    path("webhooks/<int:pk>/test", webhooks.Trial.as_view(), name="webhook_test"),
    path("webhooks/<int:pk>/deliveries", deliveries.Deliveries.as_view(), name="deliveries"),
    path("webhooks/<int:pk>/deliveries/<int:number>", deliveries.OneDelivery.as_view(), name="delivery"),
    path("webhooks/<int:pk>/deliveries/<int:number>/replay", deliveries.Replay.as_view(), name="delivery_replay"),
    re_path("^(?P<rest>.*)$", Nowhere.as_view(), name="nowhere"),
]
