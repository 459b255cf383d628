"""The national directory of schools, their calendar, the affiliations of users, and outlines of territories.

`School` is written only by the directory's synchronisation, and never deleted: a school that disappears is closed.
"""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Concat
from django.utils import timezone

from core.formatting import long_moment
from core.links import derive_token
from core.models import LockableQuerySet, check_days
from schools.directory import models as directory_models  # noqa: F401 - its models are this app's


class Fold(Func):
    """`public.fold`: lower case, no accents, single spaces. `schools.folding.fold` is the same in Python."""

    function = "public.fold"
    output_field = models.TextField()


class Searchable(Func):
    """Search text: folded, « st » and « ste » expanded, with a leading space.

    The leading space lets `LIKE '% word%'` match any word prefix through the trigram index.
    """

    template = (
        "regexp_replace(regexp_replace(' ' || public.fold(%(expressions)s), '\\mst\\M', 'saint', 'g'),"
        " '\\mste\\M', 'sainte', 'g')"
    )
    output_field = models.TextField()


class CommuneKey(Func):
    """Normalised name of a commune; `schools.recognition.places.build_commune_key` is the same in Python.

    Folded, « st » and « ste » expanded, without CEDEX and arrondissement: « PARIS 13E ARRONDISSEMENT » is `paris`.
    """

    template = (
        "regexp_replace(regexp_replace(regexp_replace(regexp_replace(public.fold(%(expressions)s),"
        " ' cedex( .*)?$', ''),"
        " ' [0-9]{1,2}(er|e|eme|ieme|nd)?( (arrondissement|arrdt|ardt|arr))?$', ''),"
        " '\\mst\\M', 'saint', 'g'), '\\mste\\M', 'sainte', 'g')"
    )
    output_field = models.TextField()


class SchoolState(models.TextChoices):
    OPEN = "open", "Ouvert"
    CLOSING = "closing", "À fermer"
    OPENING = "opening", "À ouvrir"
    CLOSED = "closed", "Fermé"


class School(models.Model):
    """A school of the directory. Its primary key is its UAI, the national identifier."""

    uai = models.CharField("UAI", max_length=8, primary_key=True)
    name = models.CharField("nom", max_length=250)
    type = models.CharField("type", max_length=60, blank=True)
    sector = models.CharField("secteur", max_length=20, blank=True)
    address = models.CharField("adresse", max_length=250, blank=True)
    address_extra = models.CharField("complément d'adresse", max_length=250, blank=True)
    postal_code = models.CharField("code postal", max_length=5, blank=True)
    commune = models.CharField("commune", max_length=120, blank=True)
    commune_code = models.CharField("code INSEE de la commune", max_length=5, blank=True)
    departement = models.CharField("département", max_length=60, blank=True)
    departement_code = models.CharField("code du département", max_length=3, blank=True)
    academie = models.CharField("académie", max_length=60, blank=True)
    region = models.CharField("région", max_length=60, blank=True)
    # None where the directory does not say.
    has_nursery = models.BooleanField("classes maternelles", null=True)
    has_elementary = models.BooleanField("classes élémentaires", null=True)
    nature = models.CharField("nature", max_length=120, blank=True)
    phone = models.CharField("téléphone", max_length=30, blank=True)
    email = models.CharField("adresse e-mail officielle", max_length=254, blank=True)
    siret = models.CharField("SIRET", max_length=14, blank=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    state = models.CharField("état", max_length=10, choices=SchoolState, default=SchoolState.OPEN)
    # When a synchronisation last changed the row.
    changed_at = models.DateTimeField("modifié le")
    closed_at = models.DateTimeField("fermé le", null=True, blank=True)

    search_text = models.GeneratedField(
        expression=Searchable(
            Concat(F("name"), Value(" "), F("commune"), Value(" "), F("postal_code"), Value(" "), F("uai"))
        ),
        output_field=models.TextField(),
        db_persist=True,
    )
    name_folded = models.GeneratedField(expression=Fold(F("name")), output_field=models.TextField(), db_persist=True)
    commune_folded = models.GeneratedField(
        expression=Fold(F("commune")), output_field=models.TextField(), db_persist=True
    )
    commune_key = models.GeneratedField(
        expression=CommuneKey(F("commune")), output_field=models.TextField(), db_persist=True
    )

    class Meta:
        verbose_name = "établissement"
        indexes: ClassVar = [
            GinIndex(OpClass(F("search_text"), "public.gin_trgm_ops"), name="school_search"),
            # The order of every list of schools: open ones first, then by name. A search for a frequent word scans this
            # index and stops at its LIMIT.
            models.Index(F("closed_at").asc(nulls_first=True), "name_folded", "uai", name="school_order"),
            # The order of an office's schools: a page of a large portfolio walks it, and stops at its LIMIT.
            models.Index(name="school_by_commune", fields=["commune_folded", "name_folded", "uai"]),
            models.Index(name="school_commune", fields=["commune_code"]),
            models.Index(name="school_postal_code", fields=["postal_code"]),
            models.Index(name="school_commune_key", fields=["commune_key"]),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="school_uai_is_well_formed", condition=Q(uai__regex=r"^[0-9]{7}[A-HJ-NPR-Z]$")),
            models.CheckConstraint(
                name="school_closed_says_when",
                condition=Q(state="closed", closed_at__isnull=False) | (~Q(state="closed") & Q(closed_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.commune})"


class DirectoryWord(models.Model):
    """A word of the directory, for spelling correction. Maintained by the synchronisation.

    Some 40,000 words: the nearest are found in milliseconds; comparing the schools' texts would take 0.3 s.
    """

    word = models.CharField(max_length=250, primary_key=True)
    school_count = models.PositiveIntegerField()

    class Meta:
        indexes: ClassVar = [
            # GIN (similarity above 0.3, then sort) is ten times faster than a nearest-neighbour scan of a GiST index.
            GinIndex(OpClass(F("word"), "public.gin_trgm_ops"), name="directory_word_alike"),
        ]

    def __str__(self) -> str:
        return self.word


class TerritoryLevel(models.TextChoices):
    COMMUNE = "commune", "Commune"
    EPCI = "epci", "Intercommunalité (EPCI)"
    DEPARTEMENT = "departement", "Département"
    REGION = "region", "Région"


class TerritoryOutline(models.Model):
    """The outline of a commune, an intercommunality, a département or a region, for maps. Written by `outlines`."""

    level = models.CharField("niveau", max_length=12, choices=TerritoryLevel)
    # INSEE's code; of an intercommunality its SIREN.
    code = models.CharField("code", max_length=9)
    # Empty where the file does not say.
    siren = models.CharField("SIREN", max_length=9, blank=True)
    name = models.CharField("nom", max_length=120)
    # Borders, of islands and holes alike: lists of closed lists of longitude and latitude.
    rings = models.JSONField()
    # Named below maps, as the licences of open data ask.
    source = models.CharField("source", max_length=120)
    loaded_at = models.DateTimeField("chargé le")

    class Meta:
        verbose_name = "contour"
        indexes: ClassVar = [
            models.Index(name="territory_outline_siren", fields=["siren"], condition=~Q(siren="")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(name="territory_outline_once", fields=["level", "code"]),
            models.CheckConstraint(
                name="territory_outline_siren_has_nine_digits", condition=Q(siren="") | Q(siren__regex=r"^[0-9]{9}$")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class HolidayZone(models.TextChoices):
    """A zone of the school calendar, as the open data names it."""

    A = "A", "Zone A"
    B = "B", "Zone B"
    C = "C", "Zone C"
    CORSE = "corse", "Corse"
    GUADELOUPE = "guadeloupe", "Guadeloupe"
    GUYANE = "guyane", "Guyane"
    MARTINIQUE = "martinique", "Martinique"
    MAYOTTE = "mayotte", "Mayotte"
    NOUVELLE_CALEDONIE = "nouvelle caledonie", "Nouvelle Calédonie"
    POLYNESIE = "polynesie", "Polynésie"
    REUNION = "reunion", "Réunion"
    SAINT_PIERRE = "saint pierre et miquelon", "Saint Pierre et Miquelon"
    WALLIS = "wallis et futuna", "Wallis et Futuna"


class SchoolHoliday(models.Model):
    """Days without school in a zone. Written by `calendar`."""

    zone = models.CharField("zone", max_length=24, choices=HolidayZone)
    name = models.CharField("nom", max_length=120)
    first_day = models.DateField("premier jour")
    # Inclusive.
    last_day = models.DateField("dernier jour")

    class Meta:
        verbose_name = "vacances scolaires"
        verbose_name_plural = "vacances scolaires"
        constraints: ClassVar = [
            models.UniqueConstraint(name="school_holiday_once", fields=["zone", "first_day", "last_day"]),
            check_days("school_holiday_of_readable_dates", "first_day", "last_day"),
            models.CheckConstraint(
                name="school_holiday_first_day_before_last", condition=Q(first_day__lte=F("last_day"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_zone_display()})"


class WrittenWeek(models.Model):
    """A week in which a school got its one reminder, whatever it was about. Written by `calendar`."""

    # No constraint, as with keys: it would lock the school's row.
    school = models.ForeignKey(
        School,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name="établissement",
    )
    # The Monday, in Europe/Paris.
    week = models.DateField("semaine du")
    # Of the collectivity that wrote.
    schema = models.CharField(max_length=63)
    written_at = models.DateTimeField("écrite le")

    class Meta:
        verbose_name = "semaine écrite"
        verbose_name_plural = "semaines écrites"
        constraints: ClassVar = [
            models.UniqueConstraint(name="written_week_once_a_school", fields=["school", "week"]),
            models.CheckConstraint(name="written_week_begins_on_monday", condition=Q(week__iso_week_day=1)),
        ]

    def __str__(self) -> str:
        return f"{self.school_id}, semaine du {self.week}"


class Verification(models.TextChoices):
    KEY = "key", "par une clé reçue à l'adresse officielle de l'établissement"
    MAILBOX = "mailbox", "par un lien envoyé à l'adresse officielle de l'établissement"
    OPERATOR = "operator", "par l'exploitant"


class Affiliation(models.Model):
    """The school a principal or a teacher belongs to: chosen in the directory, or typed by hand."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="affiliations", verbose_name="compte"
    )
    # No constraint, here and below: a trigger looks the school up (docs/decisions/0162).
    school = models.ForeignKey(
        School, verbose_name="établissement", on_delete=models.PROTECT, null=True, blank=True, db_constraint=False
    )
    # Hand-typed fields; empty where a school was chosen.
    name = models.CharField("nom de l'établissement", max_length=250, blank=True)
    address = models.CharField("adresse", max_length=250, blank=True)
    address_extra = models.CharField("adresse suite", max_length=250, blank=True)
    postal_code = models.CharField("code postal", max_length=10, blank=True)
    city = models.CharField("ville", max_length=120, blank=True)
    country = models.CharField("pays", max_length=60, blank=True)
    since = models.DateTimeField("depuis le")
    # A principal sees the school's teachers only once verified.
    verified_at = models.DateTimeField("vérifié le", null=True, blank=True)
    verified_by = models.CharField("vérifié", max_length=10, choices=Verification, blank=True)

    objects = LockableQuerySet.as_manager()

    class Meta:
        verbose_name = "rattachement"
        indexes: ClassVar = [
            # Hand-typed affiliations, suggested to the schools of the place.
            models.Index(name="affiliation_typed", fields=["postal_code"], condition=Q(school__isnull=True)),
            models.Index(Fold(F("city")), name="affiliation_typed_town", condition=Q(school__isnull=True)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(name="affiliation_once_a_school", fields=["user", "school"]),
            models.CheckConstraint(
                name="affiliation_chosen_or_typed",
                condition=Q(school__isnull=False, name="") | (Q(school__isnull=True) & ~Q(name="")),
            ),
            models.CheckConstraint(
                name="affiliation_verified_in_a_chosen_school",
                condition=Q(verified_at__isnull=True, verified_by="")
                | (Q(verified_at__isnull=False, school__isnull=False) & ~Q(verified_by="")),
            ),
        ]

    def __str__(self) -> str:
        return self.school.name if self.school is not None else self.name


class PrincipalEvent(models.Model):
    """An event in the history of a school's principals: requested, verified, replaced, left. Append-only."""

    class Kind(models.TextChoices):
        REQUESTED = "requested", "lien demandé à l'adresse officielle"
        VERIFIED = "verified", "direction vérifiée"
        REPLACED = "replaced", "remplacé par un successeur"
        LEFT = "left", "a quitté l'établissement"

    school = models.ForeignKey(
        School,
        on_delete=models.PROTECT,
        related_name="principal_events",
        db_constraint=False,
        verbose_name="établissement",
    )
    kind = models.CharField("événement", max_length=10, choices=Kind)
    # The principal it is about; and who caused it, where a person did: the operator, the successor.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="chef d'établissement"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, verbose_name="par"
    )
    means = models.CharField("moyen", max_length=10, choices=Verification, blank=True)
    at = models.DateTimeField("le")

    class Meta:
        verbose_name = "changement de direction"
        verbose_name_plural = "changements de direction"
        indexes: ClassVar = [models.Index(name="principal_event_of_school", fields=["school", "-at"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} le {long_moment(timezone.localtime(self.at))}"


class PrincipalRequest(models.Model):
    """A principal's request for verification through the official mailbox. The token is in the e-mail only."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    school = models.ForeignKey(School, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    # The token is derived from it with the site's secret key; look-ups use the token's hash.
    nonce = models.CharField(max_length=32)
    token_hash = models.CharField(max_length=64, unique=True)
    requested_at = models.DateTimeField("demandé le")
    expires_at = models.DateTimeField("valable jusqu'au")
    confirmed_at = models.DateTimeField("confirmé le", null=True, blank=True)

    objects = LockableQuerySet.as_manager()

    class Meta:
        verbose_name = "demande de confirmation"
        indexes: ClassVar = [models.Index(name="principal_request_of_school", fields=["school", "-requested_at"])]

    def __str__(self) -> str:
        return f"{self.user} – {self.school_id}"

    @property
    def link_token(self) -> str:
        """The secret token of its link."""
        return derive_token(self.nonce, salt="schools.principals", stored_hash=self.token_hash)
