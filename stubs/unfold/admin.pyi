from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin

class ModelAdmin(admin.ModelAdmin[Any]):
    actions_detail: ClassVar[Sequence[str]]
    actions_list: ClassVar[Sequence[str]]
    actions_row: ClassVar[Sequence[str]]
    change_form_outer_before_template: ClassVar[str | None]

class TabularInline(admin.TabularInline[Any, Any]):
    hide_title: ClassVar[bool]
