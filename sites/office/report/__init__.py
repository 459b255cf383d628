"""« Rapport pour le conseil »: a school year of an office on one page, as a PDF, as a workbook and by API."""
