"""Spreadsheets in the API: uploaded, followed, corrected, applied, undone, by the very operations of the pages."""
