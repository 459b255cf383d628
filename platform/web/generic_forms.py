"""Django's form classes that are generic in its type stubs only, made so at run time: `ModelForm[Seller]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.forms import models

if TYPE_CHECKING:
    from django.forms import ModelChoiceField, ModelForm
    from django.forms.models import BaseInlineFormSet
else:

    class _Subscriptable:
        def __class_getitem__(cls, _parameter: object) -> type:
            """Return the class itself: its parameter is for the type checker."""
            return cls

    class ModelForm(_Subscriptable, forms.ModelForm):
        pass

    class ModelChoiceField(_Subscriptable, forms.ModelChoiceField):
        pass

    class BaseInlineFormSet(_Subscriptable, models.BaseInlineFormSet):
        pass


__all__ = ["BaseInlineFormSet", "ModelChoiceField", "ModelForm"]
