"""Read uploaded files into sheets of cells. Pure: no Django, no database, no state.

Entry point: `detection.open_workbook`. A new format is one module here and its signature there;
those that are ZIP archives are told apart by their members.
"""
