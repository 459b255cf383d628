"""What is sold: products, and the school years they are sold for."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class SchoolYear(models.Model):
    """A school year; licences of it run until `ends_on`, 31 August inclusive."""

    starts_on = models.DateField("début")
    ends_on = models.DateField("fin", unique=True)

    class Meta:
        verbose_name = "année scolaire"
        verbose_name_plural = "années scolaires"
        constraints: ClassVar = [
            models.CheckConstraint(name="school_year_starts_before_it_ends", condition=Q(starts_on__lt=F("ends_on"))),
        ]

    def __str__(self) -> str:
        return f"{self.starts_on.year}-{self.ends_on.year}"


class Product(models.Model):
    """A licence that can be sold or given. One unit = one class = one teacher and 30 pupil accounts."""

    code = models.SlugField("code", unique=True)
    name = models.CharField("désignation", max_length=120)
    # Whether it serves classes from CP to CM2, which a pure maternelle, a collège or a lycée does not have.
    for_elementary = models.BooleanField("classes élémentaires (CP à CM2)", default=True)

    class Meta:
        verbose_name = "produit"

    def __str__(self) -> str:
        return self.name
