"""Small directory files in the format of each year."""

import csv
import gzip
from pathlib import Path

from schools import uai

_TAIL = (
    "Restauration;Hebergement;ULIS;Apprentissage;Segpa;Section_arts;Section_cinema;Section_theatre;Section_sport;"
    "Section_internationale;Section_europeenne;Lycee_Agricole;Lycee_militaire;Lycee_des_metiers;Post_BAC;"
    "Appartenance_Education_Prioritaire;GRETA;SIREN_SIRET"
)
_HEAD = (
    "Identifiant_de_l_etablissement;Nom_etablissement;Type_etablissement;Statut_public_prive;Adresse_1;Adresse_2;"
    "Adresse_3;{postal};Code_commune;Nom_commune;Code_departement;Code_academie;Code_region;Ecole_maternelle;"
    "Ecole_elementaire;Voie_generale;Voie_technologique;Voie_professionnelle;Telephone;Fax;Web;Mail;" + _TAIL
)
_PLACE = "Type_contrat_prive;Libelle_departement;Libelle_academie;Libelle_region"

VINTAGES = {
    "2023": (
        _HEAD.format(postal="Code postal") + f";Nombre_d_eleves;Fiche_onisep;position;{_PLACE};coordonnee_X;"
        "coordonnee_Y;epsg;nom_circonscription;latitude;longitude;precision_localisation;date_ouverture;"
        "date_maj_ligne;etat;ministere_tutelle;etablissement_multi_lignes;code_nature;libelle_nature;PIAL"
    ),
    "2024": (
        _HEAD.format(postal="Code_postal") + f";Nombre_d_eleves;Fiche_onisep;position;{_PLACE};coordX_origine;"
        "coordY_origine;epsg_origine;nom_circonscription;latitude;longitude;precision_localisation;date_ouverture;"
        "date_maj_ligne;etat;ministere_tutelle;multi_uai;code_nature;libelle_nature;PIAL;code_circonscription"
    ),
    "2026": (
        _HEAD.format(postal="Code_postal") + f";Fiche_onisep;position;{_PLACE};coordX_origine;coordY_origine;"
        "epsg_origine;latitude;longitude;precision_localisation;date_ouverture;date_maj_ligne;etat;multi_uai;"
        "code_nature;libelle_nature;PIAL;code_circonscription;libelle_bassin_formation"
    ),
}
VINTAGES["api"] = VINTAGES["2026"].lower()

GEOLOCATION = (
    "Code établissement;Appellation officielle;Dénomination principale;Patronyme uai;Secteur Public/Privé;Adresse;"
    "Lieu dit;Boite postale;Code postal;Localite d'acheminement;Commune;Coordonnee X;Coordonnee Y;EPSG;Latitude;"
    "Longitude;Qualité d'appariement;Localisation;Code nature;Nature;Code état établissement;Etat établissement;"
    "Code département;Code région;Code académie;Code commune;Département;Région;Académie;Position"
)

#: An invented school, under the names of 2026.
SCHOOL = {
    "Identifiant_de_l_etablissement": "0301001" + uai.check_letter("0301001"),
    "Nom_etablissement": "École élémentaire des Cigales",
    "Type_etablissement": "Ecole",
    "Statut_public_prive": "Public",
    "Adresse_1": "1 rue des Pins",
    "Adresse_3": "30000 NIMES",
    "Code_postal": "30000",
    "Code_commune": "30189",
    "Nom_commune": "Nîmes",
    "Code_departement": "030",
    "Ecole_maternelle": "0",
    "Ecole_elementaire": "1",
    "Telephone": "0466000001",
    "Mail": "ce.0301001@ac-exemple.example",
    "SIREN_SIRET": "21300189400012",
    "Libelle_departement": "Gard",
    "Libelle_academie": "Montpellier",
    "Libelle_region": "Occitanie",
    "latitude": "43.83",
    "longitude": "4.36",
    "etat": "OUVERT",
    "code_nature": "151",
    "libelle_nature": "ECOLE DE NIVEAU ELEMENTAIRE",
}


def make_uai(number: int) -> str:
    """Return the valid UAI of the département 030 with this number."""
    digits = f"030{number:04d}"
    return digits + uai.check_letter(digits)


def make_row(number: int, **cells: str) -> dict[str, str]:
    """Return the cells of an invented school with its own UAI and name."""
    return {
        **SCHOOL,
        "Identifiant_de_l_etablissement": make_uai(number),
        "Nom_etablissement": f"École élémentaire n° {number}",
        **cells,
    }


def write_file(path: Path, rows: list[dict[str, str]], header: str = VINTAGES["2026"]) -> Path:
    """Write the rows under `header`, whatever its spelling of column names; gzip for a `.gz` path."""
    names = header.split(";")
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\n")
        writer.writerow(names)
        for cells in rows:
            known = {_column_key(name): text for name, text in cells.items()}
            writer.writerow([known.get(_column_key(name), "") for name in names])
    return path


def _column_key(name: str) -> str:
    return name.lower().replace(" ", "_")
