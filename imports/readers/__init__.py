"""Files as they come, turned into sheets of cells. Pure: no Django, no database, nothing kept.

`opening.open_workbook` is the way in. A format of its own is one more module here, and one more line there.
"""
