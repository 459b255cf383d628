"""What came from outside and could not be taken in is work of the operator until they have seen it."""

import pytest
from django.utils import timezone

from jobs.models import SetAsideItem
from jobs.set_aside import note_set_aside
from tests.sites.back_office.pages import page_text

PATH = "/admin/jobs/setasideitem/"
WORK = "2 éléments reçus n'ont pas pu être lus"


@pytest.mark.slow
def test_an_item_is_work_until_the_operator_has_seen_it(operator):
    for reference in ("txn_1", "txn_2"):
        note_set_aside(source="Solde", reference=reference, reason="Sa date n'existe pas.", at=timezone.now())
    assert WORK in page_text(operator.get("/admin/")).replace("’", "'")
    page = page_text(operator.get(f"{PATH}?seen_at__isempty=1")).replace("’", "'")
    assert "txn_1" in page
    assert "Sa date n'existe pas." in page
    item = SetAsideItem.objects.get(reference="txn_1")
    answer = operator.post(PATH, {"action": "mark_seen", "_selected_action": [item.pk]}, follow=True)
    assert "1 élément est noté comme vu." in page_text(answer)
    assert "1 élément reçu n'a pas pu être lu" in page_text(operator.get("/admin/")).replace("’", "'")
    assert operator.get(f"{PATH}{item.pk}/change/").status_code == 200
