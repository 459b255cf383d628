"""The kinds of columns that a spreadsheet may have: each is one declaration, which everything else follows.

How its column is recognised, what a member is shown, asked and refused, its name in the API, its column in workbooks:
a new kind is one more member of `Meaning`, and its place in the forms and workbooks below.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

from imports.cells import CellType, parse_class_count, parse_email, parse_quantity
from imports.enums import Purpose
from imports.formats.sheet_types import CellValue
from imports.problems import Problem
from imports.title_patterns import NON_COUNT_WORDS, TitlePattern, pattern, split_words
from schools import uai
from schools.folding import fold

#: From this share of the filled cells on, the content alone identifies a column.
DOMINANT_SHARE = 0.6
#: Below this share, a title alone does not identify a column: « Code établissement » may be any code.
MIN_SHARE = 0.2

_CODE = split_words("code numero identifiant")
_SCHOOL = split_words("ecole etablissement structure college")
_LEADER = split_words("directeur direction chef responsable referent contact principal")
_COUNT = split_words("nombre quantite volume total")
#: « Classes supplémentaires » are asked about, to be added.
_MORE = "plus supplementaire complementaire ajouter"
_LEVELS = split_words("cp ce1 ce2 cm1 cm2")
_REQUEST = split_words("demande souhaite attribue commande accorde prevu besoin dotation")
_PLACE = split_words("commune ville localite")
_NAME = split_words("nom libelle denomination appellation designation patronyme")


class ColumnGroup(StrEnum):
    """What a column is about, as the list of columns says it."""

    SCHOOL = "L'école"
    NUMBER = "Ce qu'elle doit avoir"
    CONTACT = "À qui écrire"


class CellContent(NamedTuple):
    """What the cells of a column hold: types, and the smallest share of the filled cells that have one of them."""

    types: tuple[int, ...]
    min_share: float


class PortfolioField(NamedTuple):
    """Where the portfolio keeps what a column says, and the words for it in a sentence and in a list."""

    name: str
    noun: str
    label: str


class WorkbookColumn(NamedTuple):
    """The column of a blank workbook: its width, and where its value is from a school of the portfolio."""

    width: int
    source: str
    #: "" for the label.
    title: str = ""


def _fault_of(parse: Callable[[CellValue], object]) -> Callable[[str], str]:
    """Return the function that says what is wrong with a text, as its cell is parsed."""

    def find_fault(text: str) -> str:
        parsed = parse(text)
        return parsed.message if isinstance(parsed, Problem) else ""

    return find_fault


def _find_uai_fault(text: str) -> str:
    # Without UAI, the school is found by its name.
    fault = uai.describe_error(text) if text.strip() else ""
    return f"{fault} Vous pouvez aussi chercher l'école par son nom, ci-dessous." if fault else ""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A kind of column. What is not declared of it does not matter for it."""

    #: In the API, and where it is stored.
    name: str
    label: str
    group: ColumnGroup
    #: Patterns of its titles, the most certain first: their place is their tier.
    titles: tuple[TitlePattern, ...]
    #: Unrelated words that a title may hold all the same: « Adresse internet de messagerie ».
    tolerates: frozenset[str] = frozenset()
    #: Whether the words of its titles also occur in data cells.
    is_in_data: bool = False
    #: Of a column with consequences, where the member chooses between two candidates: up to this tier (0 is the most
    #: certain) a title is believed whatever the cells below it.
    certain_tier: int | None = None
    #: For another title to be believed; None: any cells will do.
    expected: CellContent | None = None
    #: Among equal titles, the column with most cells of this type is taken.
    preferred: int = CellType.TEXT
    #: What identifies the column without a title; None: nothing does.
    identifying: CellContent | None = None
    #: Types of which a remembered column must still hold some; none: it is not looked at.
    remembered: tuple[int, ...] = ()
    #: The beginning of the remark, before « sur 3 lignes », where a value written once per group is filled down; ""
    #: where it never is.
    filled_down: str = ""
    #: What is wrong with a text that a member types, "" for nothing.
    find_fault: Callable[[str], str] = lambda _: ""
    #: What the API says of an edit of its cells.
    edit_help: str = ""
    portfolio: PortfolioField | None = None
    workbook: WorkbookColumn | None = None

    @property
    def is_critical(self) -> bool:
        """Whether reading another column in its place has consequences."""
        return self.certain_tier is not None


class Meaning(StrEnum):
    """Meaning of a column, with its declaration, whose name is its value."""

    column: Column

    # For the type checker, `Meaning("uai")` calls this: it finds the member, as for any enumeration.
    def __new__(cls, column: Any) -> Self:
        """Return the member of this column."""
        member = str.__new__(cls, column.name)
        member._value_ = column.name
        member.column = column
        return member

    UAI = Column(
        name="uai",
        label="UAI de l'école",
        group=ColumnGroup.SCHOOL,
        titles=(
            pattern("uai", allows=_CODE | split_words("ecole etablissement structure national")),
            pattern("code numero identifiant", "ecole etablissement structure", allows="national"),
            pattern("uai", never="choix"),
            pattern("identifiant", allows="national unique"),
        ),
        certain_tier=0,
        remembered=(CellType.UAI, CellType.DAMAGED_UAI, CellType.BARE_UAI),
        find_fault=_find_uai_fault,
        edit_help="L'école, seule : celle que vous choisissez.",
        workbook=WorkbookColumn(12, "school_id", title="UAI"),
    )
    EMAIL = Column(
        name="email",
        label="Adresse e-mail",
        group=ColumnGroup.CONTACT,
        titles=(
            pattern(
                "mail",
                allows=_LEADER
                | _SCHOOL
                | split_words("adresse electronique academique professionnel officiel boite internet academie"),
            ),
            pattern("adresse courrier boite", "electronique", allows=_LEADER | _SCHOOL | split_words("lettre lettres")),
            pattern("mail"),
            pattern("contact", allows=_SCHOOL),
        ),
        tolerates=split_words("internet site academie web"),
        certain_tier=0,
        remembered=(CellType.EMAIL,),
        find_fault=_fault_of(parse_email),
        edit_help="L'adresse à qui écrire : où part la clé d'une attribution, ou le contact du périmètre.",
        portfolio=PortfolioField("contact_email", "contact", "E-mail"),
        workbook=WorkbookColumn(40, "contact_email"),
    )
    UNITS = Column(
        name="units",
        label="Nombre de licences",
        group=ColumnGroup.NUMBER,
        titles=(
            pattern("licence abonnement", allows=_COUNT | _REQUEST | split_words("cle")),
            pattern("nombre quantite volume", "cle code", allows=_COUNT | _REQUEST | split_words("activation")),
            pattern(
                "licence abonnement cle", never=" ".join(NON_COUNT_WORDS | split_words("activation code nom mail"))
            ),
            pattern("nombre quantite volume dotation besoin", allows=_COUNT | _REQUEST),
            pattern("demande attribue accorde commande total souhaite", allows=_COUNT | _REQUEST),
            # With any other word, where nothing else gives the number: « Licences restantes », « Quantité rendue ».
            pattern(
                "licence abonnement quantite dotation",
                never=" ".join(NON_COUNT_WORDS - split_words("restant consomme") | split_words("code nom mail")),
            ),
            pattern("nombre", _MORE, never="classe"),
        ),
        certain_tier=1,
        remembered=(CellType.QUANTITY,),
        find_fault=_fault_of(parse_quantity),
        edit_help="Licences, d'une attribution.",
        workbook=WorkbookColumn(12, "units"),
    )
    CLASSES = Column(
        name="classes",
        label="Nombre de classes",
        group=ColumnGroup.NUMBER,
        titles=(
            pattern(
                "classe",
                "elementaire",
                allows=_COUNT | _SCHOOL | split_words("ouvert prevu cycle pedagogique") | _LEVELS,
            ),
            # « Classes du CP au CM2 »; the CM2 alone are not all classes.
            pattern("classe", "cp", "cm2", allows=_COUNT | _SCHOOL | split_words("ouvert prevu") | _LEVELS),
            pattern("classe", allows=_COUNT | _SCHOOL | split_words("ouvert prevu primaire")),
            pattern(
                "nombre",
                "classe",
                never="maternelle ulis moyenne niveau dedoublee elementaire par ferme fermee cp ce1 ce2 cm1 cm2",
            ),
            pattern("classe", _MORE, never="maternelle"),
        ),
        tolerates=split_words("site date"),
        certain_tier=1,
        remembered=(CellType.QUANTITY,),
        find_fault=_fault_of(parse_class_count),
        edit_help="Classes, du périmètre.",
        portfolio=PortfolioField("classes", "classes", "Classes"),
        workbook=WorkbookColumn(12, "classes"),
    )
    NAME = Column(
        name="name",
        label="Nom de l'école",
        group=ColumnGroup.SCHOOL,
        titles=(
            pattern(
                "nom libelle denomination appellation designation patronyme",
                "ecole etablissement college lycee structure",
                allows=_NAME
                | _SCHOOL
                | split_words("usuel usage officiel principal complet uai court long public prive scolaire"),
            ),
            pattern(
                "ecole etablissement college lycee",
                allows="public prive elementaire maternelle primaire nom scolaire groupe",
            ),
            pattern("denomination appellation", allows="officiel principal usuel usage complet"),
            pattern("nom patronyme libelle designation", allows="complet usuel usage officiel long court"),
            pattern("structure", allows="scolaire"),
            pattern(
                "ecole etablissement college groupe",
                never="code numero identifiant adresse telephone mail directeur direction chef contact responsable "
                "referent nombre quantite postal cp departement classe licence uai statut prenom total",
                head="ecole etablissement college groupe nom type",
            ),
        ),
        is_in_data=True,
        expected=CellContent((CellType.TEXT, CellType.SCHOOL), MIN_SHARE),
        preferred=CellType.SCHOOL,
        identifying=CellContent((CellType.SCHOOL,), 0.5),
        remembered=(CellType.TEXT, CellType.SCHOOL),
        workbook=WorkbookColumn(44, "school__name"),
    )
    COMMUNE = Column(
        name="commune",
        label="Commune",
        group=ColumnGroup.SCHOOL,
        titles=(
            pattern(
                "commune ville localite",
                allows="nom libelle ecole etablissement implantation",
                head="commune ville localite",
            ),
            pattern("adresse", "commune ville localite", allows="ecole etablissement nom libelle"),
            pattern("acheminement lieu"),
            pattern(
                "commune ville localite",
                never="code numero mail adresse telephone contact nombre nom",
                head="commune ville localite",
            ),
        ),
        is_in_data=True,
        expected=CellContent((CellType.TEXT, CellType.COMMUNE), 0.5),
        preferred=CellType.COMMUNE,
        identifying=CellContent((CellType.COMMUNE,), DOMINANT_SHARE),
        filled_down="La commune, écrite une fois par groupe, a été reportée",
        workbook=WorkbookColumn(26, "school__commune"),
    )
    POSTAL_CODE = Column(
        name="postal_code",
        label="Code postal",
        group=ColumnGroup.SCHOOL,
        titles=(
            pattern("code", "postal", allows=_PLACE | _SCHOOL | split_words("adresse uai")),
            pattern("cp", allows=_PLACE | _SCHOOL | split_words("adresse code")),
            pattern("postal", allows="numero"),
        ),
        expected=CellContent((CellType.POSTAL_CODE, CellType.POSTAL_TOWN), 0.5),
        identifying=CellContent((CellType.POSTAL_CODE,), 0.9),
        remembered=(CellType.POSTAL_CODE,),
        filled_down="Le code postal, écrit une fois par groupe, a été reporté",
    )
    DEPARTEMENT = Column(
        name="departement",
        label="Département",
        group=ColumnGroup.SCHOOL,
        titles=(pattern("departement", allows="code nom libelle numero ecole etablissement", head="departement"),),
        identifying=CellContent((CellType.DEPARTEMENT,), 0.9),
        filled_down="Le département, écrit une fois par groupe, a été reporté",
    )
    ADDRESS = Column(
        name="address",
        label="Adresse de l'école",
        group=ColumnGroup.SCHOOL,
        titles=(
            pattern("adresse rue", allows="postal ecole etablissement ligne numero nom libelle geographique complet"),
            pattern("adresse", never="mail electronique internet web site commune ville", head="adresse"),
        ),
        is_in_data=True,
    )
    KIND = Column(
        name="kind",
        label="Type d'établissement",
        group=ColumnGroup.SCHOOL,
        titles=(
            pattern("type nature categorie", allows=_SCHOOL | split_words("enseignement libelle niveau")),
            pattern("niveau degre cycle", allows=_SCHOOL | split_words("enseignement libelle")),
        ),
        is_in_data=True,
        expected=CellContent((CellType.TEXT, CellType.SCHOOL), MIN_SHARE),
        identifying=CellContent((CellType.KIND,), 0.8),
        filled_down="Le type, écrit une fois par groupe, a été reporté",
    )
    CONTACT_NAME = Column(
        name="contact_name",
        label="Nom du contact",
        group=ColumnGroup.CONTACT,
        titles=(
            pattern(
                "directeur chef contact responsable referent principal",
                allows=_LEADER | split_words("nom prenom etablissement ecole complet civilite"),
            ),
            pattern("direction", allows="nom prenom ecole etablissement"),
        ),
        is_in_data=True,
        expected=CellContent((CellType.TEXT,), 0.5),
        edit_help="Contact, du périmètre.",
        portfolio=PortfolioField("contact_name", "nom du contact", "Contact"),
        workbook=WorkbookColumn(28, "contact_name"),
    )
    PHONE = Column(
        name="phone",
        label="Téléphone",
        group=ColumnGroup.CONTACT,
        titles=(
            pattern("telephone", allows=_LEADER | _SCHOOL | split_words("numero fixe portable standard")),
            pattern("portable", allows=_LEADER | _SCHOOL | split_words("numero")),
            pattern("telephone", never="mail nom", head="telephone portable contact ecole"),
        ),
        tolerates=split_words("fax telecopie"),
        expected=CellContent((CellType.PHONE,), MIN_SHARE),
        identifying=CellContent((CellType.PHONE,), 0.8),
        edit_help="Téléphone, du périmètre.",
        portfolio=PortfolioField("contact_phone", "téléphone", "Téléphone"),
        workbook=WorkbookColumn(18, "contact_phone"),
    )
    # The school chosen in the column that annotating a workbook adds.
    CHOICE = Column(
        name="choice", label="Votre choix (UAI)", group=ColumnGroup.SCHOOL, titles=(pattern("choix", "uai"),)
    )

    @property
    def label(self) -> str:
        """What a member reads."""
        return self.column.label


#: The columns that name a school, and those of numbers.
NAMING_COLUMNS = frozenset({Meaning.UAI, Meaning.NAME})
NUMBER_COLUMNS = (Meaning.UNITS, Meaning.CLASSES)
#: Where the portfolio keeps them, in the order of `SchoolContact`, by the meaning that is the field of a row.
PORTFOLIO_FIELDS = {
    meaning: field
    for meaning in (Meaning.CONTACT_NAME, Meaning.EMAIL, Meaning.PHONE, Meaning.CLASSES)
    if (field := meaning.column.portfolio) is not None
}
#: Editable columns, on the pages and in the API. On the pages the school can also be picked from search results.
EDITABLE_COLUMNS = {
    Purpose.ALLOCATION: (Meaning.UAI, Meaning.UNITS, Meaning.EMAIL),
    Purpose.PORTFOLIO: (Meaning.UAI, Meaning.CLASSES, Meaning.CONTACT_NAME, Meaning.EMAIL, Meaning.PHONE),
}
#: Maximum length of the text of an edit.
MAX_EDIT_LENGTH = 300
#: The columns of the blank workbooks.
TEMPLATE_COLUMNS = {
    Purpose.ALLOCATION: (
        Meaning.UAI, Meaning.NAME, Meaning.COMMUNE, Meaning.UNITS, Meaning.CLASSES, Meaning.EMAIL,
    ),
    Purpose.PORTFOLIO: (
        Meaning.UAI, Meaning.NAME, Meaning.COMMUNE, Meaning.CONTACT_NAME, Meaning.EMAIL, Meaning.PHONE,
        Meaning.CLASSES,
    ),
}  # fmt: skip

#: Hidden sheet of generated workbooks that holds the choice lists: never parsed as data.
LISTS_SHEET = "Pep_listes"
#: Titles of the columns added to an annotated workbook: problems, proposed schools, chosen school. Only the last is
#: parsed.
ADDED_TITLES = ("Ce qui ne va pas", "Propositions", Meaning.CHOICE.label)
_ADDED = frozenset(map(fold, ADDED_TITLES))
#: Titles beside the number of a school in our own list for the next year, which comes back edited: none is a question.
RETURNED_TITLES = ("Pourquoi", "Proposition", "Cette année", "Tenu au plus", "Utilisé")


def is_added_title(title: str) -> bool:
    """Return whether a column is one of those added to an annotated workbook."""
    return fold(title) in _ADDED
