"""Random lists: titles, column order, banners, misleading columns, totals and format are drawn."""

from collections.abc import Callable
from typing import Any

from bench.damaged import formats
from bench.damaged.directory import ListedSchool
from bench.damaged.expectations import DamagedFile, FilePurpose
from bench.damaged.row_generator import DamagedRow, RowGenerator, register_file
from bench.damaged.sheet_builder import SheetBuilder, UncomputedFormula

#: How many such lists there are.
LISTS = 16

_TITLES = {
    "uai": (
        "UAI", "uai", "RNE", "Code RNE", "numero_uai", "numero_UAI", "N° UAI", "Numéro de l'école", "uai_etab",
        "Code établissement", "Identifiant_de_l_etablissement", "Code UAI école", "RNE / UAI", "N°RNE", "Num. UAI",
        "CODE_UAI", "UAI (ex-RNE)", "N° d'immatriculation", "Identifiant", "N° établissement", "Codes UAI",
        "Matricule école",
    ),
    "name": (
        "École", "Ecoles", "NOM", "NOM ÉCOLE", "Nom de l'école", "Dénomination", "Établissement", "Etab.", "Libellé",
        "Nom d'usage", "Intitulé", "appellation_officielle", "Établissement scolaire", "Désignation", "Nom_ecole",
        "Structure", "Nom de l'etablissment", "Nom établissement", "Écoles publiques", "Groupe scolaire",
    ),
    "commune": (
        "Commune", "VILLE", "Localité", "Nom commune", "libelle_commune", "Commune de rattachement", "Ville de l'école",
        "Communes", "COMMUNE ÉCOLE", "Nom de la commune", "Lieu", "Comnune", "Ville / commune",
    ),
    "postal": ("CP", "Code postal", "C.P", "Code_postal", "Cod. postal", "code post.", "CODE POSTAL ", "Code  Postal"),
    "email": (
        "Mail", "Mél", "E-mail", "Courriel", "Adresse mail", "Adresse électronique", "mail_ecole", "Email direction",
        "Mail de contact", "Messagerie", "Adresse e-mail de l'école", "MEL", "email école",
    ),
    "quantity": (
        "Nombre de licences", "Nb licences", "Licences", "Qté", "Quantité", "Volume", "Nb de clés", "Nb lic.",
        "Licences demandées", "Nombre de codes", "Nbre d'abonnements", "Licences à attribuer", "NB_LICENCES",
        "Besoin en licences", "Licences 2026-2027", "Nombre de licenses", "Total licences", "Dotation licences",
    ),
}  # fmt: skip
#: Additional misleading columns.
_EXTRA_COLUMNS: dict[str, str] = {
    "Téléphone": "phone_number", "Tél.": "phone", "Directeur(trice)": "director", "Circonscription": "district",
    "Effectif": "pupils", "Nb élèves": "pupils", "SIRET": "siret", "Secteur": "sector", "Adresse": "address",
    "Année": "year", "Code INSEE": "insee", "Code": "code", "Type": "kind", "Dép.": "departement",
}  # fmt: skip


def _random_list(number: int) -> Callable[[RowGenerator], DamagedFile]:
    def make(m: RowGenerator) -> DamagedFile:
        return _shuffled(m, number)

    make.__name__ = f"list_by_lot_{number:02d}"
    return make


for _number in range(1, LISTS + 1):
    register_file(_random_list(_number))


def _shuffled(m: RowGenerator, number: int) -> DamagedFile:
    rng = m.rng
    coded = rng.random() < 0.6  # noqa: PLR2004
    with_quantity = rng.random() < 0.7  # noqa: PLR2004
    keys = ["name", "commune", *(["uai"] if coded else []), *(["quantity"] if with_quantity else [])]
    keys += [key for key in ("postal", "email") if rng.random() < 0.4]  # noqa: PLR2004
    titles = {rng.choice(_TITLES[key]): key for key in keys}
    titles |= {title: _EXTRA_COLUMNS[title] for title in rng.sample(sorted(_EXTRA_COLUMNS), rng.randint(0, 5))}
    # A number in front of each row, as many lists have.
    counted = rng.random() < 0.4  # noqa: PLR2004
    order = rng.sample(sorted(titles), len(titles))
    sheet = SheetBuilder(rng.choice(("Feuil1", "Liste", "Écoles", "Export 2026", "Sheet1")))
    for _ in range(rng.choice((0, 0, 1, 3))):
        sheet.add_unscored(
            rng.choice(("LISTE DES ÉCOLES", "Année scolaire 2026-2027", "Service éducation – 04 66 00 00 00", ""))
        )
    sheet.add_unscored(*(["N°"] if counted else []), *order)
    header_row = sheet.height
    if rng.random() < 0.3:  # noqa: PLR2004
        sheet.add_unscored()
    grouped = rng.random() < 0.4  # noqa: PLR2004
    groups = [schools for _, schools in m.communes(max(3, m.size // 8))] if grouped else [m.schools()]
    rank = 0
    for schools in groups:
        for school in schools:
            rank += 1
            line = _line(m, school, coded=coded)
            sheet.row(line.truth, *([rank] if counted else []), *line.of(titles[title] for title in order))
        if grouped and rng.random() < 0.5:  # noqa: PLR2004
            _total(m, sheet, order, titles, counted=counted, word="Sous-total")
    if rng.random() < 0.5:  # noqa: PLR2004
        _total(m, sheet, order, titles, counted=counted, word="TOTAL")
    by_meaning = {("postal_code" if key == "postal" else key): t for t, key in titles.items() if key in _TITLES}
    content, filename, named = _saved(m, sheet)
    return DamagedFile(
        name=m.name, filename=filename, content=content,
        rows=sheet.truth if named else {("", row): truth for (_, row), truth in sheet.truth.items()},
        columns=by_meaning, header_rows=(header_row,), sheets=(sheet.name,) if named else ("",),
        purpose=FilePurpose.ALLOCATION, quantity_for_all=None if with_quantity else 1 + number % 5,
    )  # fmt: skip


def _line(m: RowGenerator, school: ListedSchool, *, coded: bool) -> DamagedRow:
    if coded:
        return m.line(school, unit="licences")
    return m.named(school, place="commune", unit="licences")


def _total(
    m: RowGenerator, sheet: SheetBuilder, order: list[str], titles: dict[str, str], *, counted: bool, word: str
) -> None:
    """Add a total: its word in the first column of text, its sum under the numbers."""
    cells: list[Any] = ["" for _ in order]
    cells[next(index for index, title in enumerate(order) if titles[title] in ("name", "commune"))] = word
    for index, title in enumerate(order):
        if titles[title] in ("quantity", "pupils"):
            letter = chr(ord("A") + index + counted)
            cells[index] = m.rng.choice((UncomputedFormula(f"SUM({letter}2:{letter}{sheet.height})"), 1234))
    sheet.add_ignored(*([""] if counted else []), *cells)


def _saved(m: RowGenerator, sheet: SheetBuilder) -> tuple[bytes, str, bool]:
    """Return content, filename, and whether the drawn format names its sheets."""
    way = m.rng.choice(("xlsx", "xlsx", "xls", "ods", "xlsm", "csv", "csv", "tsv"))
    if way == "csv":
        separator = m.rng.choice(";;,|")
        encoding = m.rng.choice(("cp1252", "utf-8", "utf-8-sig", "utf-16"))
        return formats.delimited(sheet, separator=separator, encoding=encoding), "liste.csv", False
    if way == "tsv":
        return formats.delimited(sheet, separator="\t", encoding="utf-16"), "liste.tsv", False
    if way == "ods":
        for cells in sheet.rows:
            cells[:] = [1234 if isinstance(cell, UncomputedFormula) else cell for cell in cells]
    return getattr(formats, way)(sheet), f"liste.{way}", True
