"""Django's form classes that are generic in its type stubs only, made so at run time: `ModelForm[Seller]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.forms import models

if TYPE_CHECKING:
    from django.forms import ModelChoiceField, ModelForm
    from django.forms.models import BaseInlineFormSet
else:

    class ModelForm(forms.ModelForm):
        def __class_getitem__(cls, _row: object) -> type:
            """Return the class itself: its parameter is for the type checker."""
            return cls

    class ModelChoiceField(forms.ModelChoiceField):
        def __class_getitem__(cls, _row: object) -> type:
            """Return the class itself."""
            return cls

    class BaseInlineFormSet(models.BaseInlineFormSet):
        def __class_getitem__(cls, _rows: object) -> type:
            """Return the class itself."""
            return cls


__all__ = ["BaseInlineFormSet", "ModelChoiceField", "ModelForm"]
