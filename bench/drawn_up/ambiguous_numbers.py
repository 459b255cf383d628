"""Lists with several numbers a school, or with one that needs a word; drawn up after the first ones were read right."""

from bench.damaged import formats
from bench.drawn_up.drafts import ListDraft, register_list, sheet, xlsx
from bench.drawn_up.expectations import DrawnUpList


@register_list
def few_pupils_by_level(m: ListDraft) -> DrawnUpList:
    """Villages: three to five pupils a level, and their total."""
    schools = m.schools(10)
    levels = {s.uai: [m.rng.randint(2, 5) for _ in range(5)] for s in schools}
    rows = [(s.uai, s.name, *levels[s.uai], sum(levels[s.uai])) for s in schools]
    content = xlsx("RPI", ("UAI", "École", "CP", "CE1", "CE2", "CM1", "CM2", "Total"), *rows)
    return m.ask("rentrée villages.xlsx", content, {}, "a question: these are pupils")


@register_list
def renewed_and_new(m: ListDraft) -> DrawnUpList:
    """Licences that are renewed, and new ones, without a total."""
    schools = m.schools(10)
    renewed, new = m.numbers(schools, 2, 6), m.numbers(schools, 0, 3)
    rows = [(s.uai, s.name, renewed[s.uai], new[s.uai]) for s in schools]
    content = xlsx("Campagne", ("UAI", "École", "Licences renouvelées", "Licences nouvelles"), *rows)
    truth = {uai: number + new[uai] for uai, number in renewed.items()}
    return m.ask("campagne.xlsx", content, truth, "the sum, or a question")


@register_list
def last_year_change_this_year(m: ListDraft) -> DrawnUpList:
    """« 2025 », « Écart », « 2026 » under a title of licences."""
    schools = m.schools(10)
    truth = m.numbers(schools)
    change = {s.uai: m.rng.choice((-2, -1, 0, 1)) for s in schools}
    rows = [(s.uai, s.name, truth[s.uai] - change[s.uai], change[s.uai], truth[s.uai]) for s in schools]
    page = sheet("Évolution", ("UAI", "École", "Licences", "", ""), ("", "", "2025", "Écart", "2026"), *rows)
    page.merged = [(1, 3, 1, 5)]
    return m.ask("évolution.xlsx", formats.xlsx(page), truth, "this year's, or a question")


@register_list
def ordered_and_delivered(m: ListDraft) -> DrawnUpList:
    """A delivery note: what was ordered, and what came."""
    schools = m.schools(10)
    ordered = m.numbers(schools)
    rows = [(s.uai, s.name, ordered[s.uai], max(0, ordered[s.uai] - m.rng.randint(0, 2))) for s in schools]
    content = xlsx("Livraison", ("UAI", "Établissement", "Qté commandée", "Qté livrée"), *rows)
    return m.ask("bon de livraison.xlsx", content, ordered, "a question: which of the two")


@register_list
def two_halves_of_the_year(m: ListDraft) -> DrawnUpList:
    """« Nb » under « 1er semestre » and again under « 2e semestre »."""
    schools = m.schools(10)
    first, second = m.numbers(schools, 2, 4), m.numbers(schools, 2, 4)
    rows = [(s.uai, s.name, first[s.uai], second[s.uai]) for s in schools]
    page = sheet("Semestres", ("UAI", "École", "1er semestre", "2e semestre"), ("", "", "Nb", "Nb"), *rows)
    truth = {uai: number + second[uai] for uai, number in first.items()}
    return m.ask("semestres.xlsx", formats.xlsx(page), truth, "their sum, or a question")


@register_list
def a_rate_of_equipment(m: ListDraft) -> DrawnUpList:
    """« Taux » and « Total » are shares and euros; no column counts licences."""
    rows = [(s.uai, s.name, m.rng.randint(40, 95) / 100, m.rng.randint(8, 55) * 10) for s in m.schools(10)]
    content = xlsx("Indicateurs", ("UAI", "École", "Taux d'équipement", "Total"), *rows)
    return m.ask("indicateurs.xlsx", content, {}, "a question: no column counts licences")


@register_list
def priorities(m: ListDraft) -> DrawnUpList:
    """« Demande » says first, second or third priority."""
    rows = [(s.uai, s.name, s.commune, m.rng.randint(1, 3)) for s in m.schools(12)]
    content = xlsx("Priorités", ("UAI", "École", "Commune", "Demande (priorité)"), *rows)
    return m.ask("priorités.xlsx", content, {}, "a question: these are priorities")


@register_list
def teachers_counted(m: ListDraft) -> DrawnUpList:
    """« Nb d'enseignants » stands beside « Nb de postes », and nothing names licences."""
    schools = m.schools(10)
    teachers = m.numbers(schools, 4, 12)
    rows = [(s.uai, s.name, teachers[s.uai], teachers[s.uai] + 1) for s in schools]
    content = xlsx("Postes", ("UAI", "École", "Nb d'enseignants", "Nb de postes"), *rows)
    return m.ask("postes.xlsx", content, {}, "a question: neither counts licences")


@register_list
def free_ones_included(m: ListDraft) -> DrawnUpList:
    """« Licences » counts all, « dont offertes » a part of them."""
    schools = m.schools(10)
    truth = m.numbers(schools, 4, 9)
    rows = [(s.uai, s.name, truth[s.uai], m.rng.randint(0, 2)) for s in schools]
    content = xlsx("Offre", ("UAI", "École", "Licences", "dont offertes"), *rows)
    return m.read("offre.xlsx", content, truth, "all of them: the free ones are a part")
