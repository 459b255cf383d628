"""« Ce qui attend »: the root of the back office, and each of its lists."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from sites.back_office import work_items
from sites.back_office.pages.waiting_lists import LISTS, build_list

#: Items of each list on the root page, and on the list's own.
_FEW, _MANY = 8, 200


def show_queue(request: HttpRequest) -> HttpResponse:
    """Show the four lists, the oldest items of each, and whatever else is to do."""
    now = timezone.now()
    lists = [build_list(slug, now, limit=_FEW) for slug in LISTS]
    tasks = work_items.list_work_items(now)
    first = next((one for one in lists if one.items), None)
    context = {
        "lists": lists,
        "next": first.items[0] if first else None,
        # « à vérifier »: the oldest of the first list that has something, not of all four.
        "next_title": first.title.lower() if first else "",
        "urgent": [task for task in tasks if task.urgent],
        "others": [task for task in tasks if not task.urgent],
        "synchronised": work_items.get_last_synchronisation(),
    }
    return render(request, "back_office/queue.html", context)


def show_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one list."""
    if slug not in LISTS:
        raise Http404
    return render(request, "back_office/waiting_list.html", {"list": build_list(slug, timezone.now(), limit=_MANY)})
