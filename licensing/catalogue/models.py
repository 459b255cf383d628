"""The seller, products, school years and price lists.

Orders copy their prices, so that the operator can change a price at any time.
"""

import datetime
from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from core import formatting
from core.models import LockableQuerySet


class SchoolYear(models.Model):
    """A school year; licences of it run until `ends_on`, 31 August inclusive."""

    starts_on = models.DateField("début")
    ends_on = models.DateField("fin", unique=True)
    # None: not on sale yet.
    sold_from = models.DateField("en vente à partir du", null=True, blank=True)
    # Inclusive. None: until a later year is on sale, or its own end.
    sold_until = models.DateField("en vente jusqu'au", null=True, blank=True)
    # Whether licences ordered before `starts_on` may be used from the order on.
    usable_at_once = models.BooleanField("utilisable dès la commande", default=False)
    # Whether the 45 days of provisional rights begin with the order, be it before the first day of the licences.
    countdown_from_order = models.BooleanField("les 45 jours commencent à la commande", default=False)

    objects = LockableQuerySet["SchoolYear"].as_manager()

    class Meta:
        verbose_name = "année scolaire"
        verbose_name_plural = "années scolaires"
        constraints: ClassVar = [
            models.CheckConstraint(name="school_year_starts_before_it_ends", condition=Q(starts_on__lt=F("ends_on"))),
            models.CheckConstraint(
                name="school_year_sold_until_after_from",
                condition=Q(sold_until__isnull=True) | Q(sold_from__isnull=False, sold_until__gte=F("sold_from")),
                violation_error_message="Le dernier jour de vente suit le premier.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_on.year}-{self.ends_on.year}"

    def get_first_day(self, ordered_on: datetime.date) -> datetime.date:
        """Return the first day of use of licences that are ordered, or whose rights open, on a day."""
        first = ordered_on if self.usable_at_once else max(ordered_on, self.starts_on)
        return min(first, self.ends_on)


class Product(models.Model):
    """A licence that can be sold or granted. One unit = one class = one teacher and 30 pupil accounts."""

    code = models.SlugField("code", unique=True)
    name = models.CharField("désignation", max_length=120)
    # What pupils do with it, in the operator's words; read on the site and in e-mails.
    summary = models.CharField("ce que les élèves y exercent", max_length=300, blank=True)
    # Whether it is for CP to CM2, and so of no use to a maternelle, a collège or a lycée.
    for_elementary = models.BooleanField("classes élémentaires (CP à CM2)", default=True)
    # In per cent.
    vat_rate = models.DecimalField("taux de TVA", max_digits=5, decimal_places=2, default=Decimal("20.00"))

    class Meta:
        verbose_name = "produit"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="product_vat_is_a_rate",
                condition=Q(vat_rate__gte=0, vat_rate__lt=100),
                violation_error_message="Un taux de TVA est compris entre 0 et 100 %.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class IntegerRange(Func):
    """`int4range` with both bounds inclusive; a NULL upper bound means unbounded."""

    template = "int4range(%(expressions)s, '[]')"


class SchoolTier(models.Model):
    """A school's price for a range of class counts: a flat price that credits the tier's upper bound.

    The top tier is open-ended: its price is per class.
    """

    product = models.ForeignKey(Product, verbose_name="produit", on_delete=models.PROTECT, related_name="tiers")
    school_year = models.ForeignKey(
        SchoolYear, verbose_name="année scolaire", on_delete=models.PROTECT, related_name="tiers"
    )
    from_classes = models.PositiveIntegerField("de (classes)")
    # None: the open top tier.
    to_classes = models.PositiveIntegerField("à (classes)", null=True, blank=True)
    # In euros, VAT included, as schools read prices.
    price_ttc = models.DecimalField("prix TTC", max_digits=9, decimal_places=2)

    class Meta:
        verbose_name = "palier de la boutique"
        verbose_name_plural = "paliers de la boutique"
        ordering = ("school_year", "from_classes")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="tier_from_one_upwards",
                condition=Q(from_classes__gt=0) & (Q(to_classes__isnull=True) | Q(to_classes__gte=F("from_classes"))),
                violation_error_message="Un palier commence à 1 classe au moins, et finit à son début ou plus haut.",
            ),
            models.CheckConstraint(
                name="tier_has_a_price",
                condition=Q(price_ttc__gt=0),
                violation_error_message="Un prix est supérieur à zéro.",
            ),
            ExclusionConstraint(
                name="tiers_do_not_overlap",
                # Checked at commit: rewriting a list may overlap temporarily.
                deferrable=models.Deferrable.DEFERRED,
                expressions=[
                    ("product", RangeOperators.EQUAL),
                    ("school_year", RangeOperators.EQUAL),
                    (IntegerRange("from_classes", "to_classes"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        if self.to_classes is None:
            return f"{formatting.pluralize(self.from_classes, 'classe')} et plus"
        if self.from_classes == self.to_classes:
            return formatting.pluralize(self.to_classes, "classe")
        return f"{self.from_classes} à {formatting.pluralize(self.to_classes, 'classe')}"

    def get_price(self, classes: int) -> Decimal:
        """Return the price of a number of classes of the tier, in euros, VAT included."""
        return self.price_ttc if self.to_classes else self.price_ttc * classes


class PriceBand(models.Model):
    """A collectivity's unit price from a volume upwards; it applies to every licence of the order."""

    product = models.ForeignKey(Product, verbose_name="produit", on_delete=models.PROTECT, related_name="bands")
    school_year = models.ForeignKey(
        SchoolYear, verbose_name="année scolaire", on_delete=models.PROTECT, related_name="bands"
    )
    from_units = models.PositiveIntegerField("à partir de (licences)")
    # In euros, VAT excluded, as public accounting commits expenses.
    unit_ht = models.DecimalField("prix unitaire HT", max_digits=9, decimal_places=2)

    class Meta:
        verbose_name = "tarif des collectivités"
        verbose_name_plural = "tarifs des collectivités"
        ordering = ("school_year", "from_units")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="band_from_one_with_a_price",
                condition=Q(from_units__gt=0, unit_ht__gt=0),
                violation_error_message="Un tarif commence à 1 licence au moins, et son prix est supérieur à zéro.",
            ),
            models.UniqueConstraint(
                name="band_once",
                fields=["product", "school_year", "from_units"],
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return f"à partir de {formatting.pluralize(self.from_units, 'licence')}"


class VatRegime(models.TextChoices):
    """How often the seller declares VAT."""

    MONTHLY = "monthly", "Réel normal, par mois"
    QUARTERLY = "quarterly", "Réel normal, par trimestre"
    SIMPLIFIED = "simplified", "Réel simplifié"
    EXEMPT = "exempt", "Franchise en base"


class Seller(models.Model):
    """The seller's legal identity as printed on documents: a single row. Without it nothing is sold."""

    name = models.CharField("dénomination", max_length=200)
    legal_form = models.CharField("forme juridique et capital", max_length=120, help_text="SAS au capital de 50 000 €")
    address = models.CharField("adresse", max_length=250)
    postal_code = models.CharField("code postal", max_length=10)
    city = models.CharField("ville", max_length=120)
    siret = models.CharField("SIRET", max_length=14)
    vat_number = models.CharField("numéro de TVA intracommunautaire", max_length=20)
    rcs = models.CharField("immatriculation", max_length=80, help_text="RCS Paris 123 456 789")
    email = models.EmailField("adresse e-mail")
    phone = models.CharField("téléphone", max_length=30)
    iban = models.CharField("IBAN", max_length=34)
    bic = models.CharField("BIC", max_length=11)
    # Stated on every invoice. VAT on services is due on payment, unless the seller opted for debits.
    vat_on_debits = models.BooleanField("option pour la TVA d'après les débits", default=False)
    # Where a platform is configured: what is to be deposited is sent without a click.
    transmits_automatically = models.BooleanField(
        "transmission automatique",
        default=False,
        help_text="Dès son émission, chaque facture ou avoir part vers Chorus Pro ou vers votre plateforme agréée, "
        "sans confirmation. Sans effet là où aucune n'est configurée sur le serveur.",
    )
    # Must be stated to consumers: a teacher who buys for themselves is one.
    mediator = models.CharField(
        "médiateur de la consommation", max_length=250, blank=True, help_text="Nom, adresse postale et site"
    )
    # Must be stated by whoever publishes a site: article 1-1 of the law of 21 June 2004 (LCEN).
    publication_director = models.CharField(
        "direction de la publication", max_length=200, blank=True, help_text="Prénom et nom de la personne responsable"
    )
    host = models.CharField(
        "hébergeur", max_length=250, blank=True, help_text="Dénomination, adresse et téléphone de qui héberge le site"
    )
    # The periods of e-reporting follow from it (`e_reporting.periods`).
    vat_regime = models.CharField(
        "régime de TVA",
        max_length=10,
        choices=VatRegime,
        default=VatRegime.MONTHLY,
        help_text="Il fixe les périodes de l'e-reporting : vos ventes aux particuliers se déclarent par dizaines de "
        "jours au réel normal mensuel, par mois sinon, tous les deux mois en franchise.",
    )
    e_reporting_from = models.DateField(
        "e-reporting depuis le",
        null=True,
        blank=True,
        help_text="Premier jour d'un mois : le 1er septembre 2026 pour une grande entreprise ou une entreprise de "
        "taille intermédiaire, le 1er septembre 2027 pour les autres. Vide : rien n'est à déclarer.",
    )

    class Meta:
        verbose_name = "vendeur"
        verbose_name_plural = "vendeur"
        constraints: ClassVar = [models.CheckConstraint(name="seller_is_one", condition=Q(pk=1))]

    def __str__(self) -> str:
        return self.name
