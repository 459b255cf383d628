"""Generated workbooks: annotated file, blank templates, report of an import, list of imports.

Pure: data are passed in. openpyxl is used in this package only. Workbooks never contain a key.
"""
