"""Workbooks that we make: the annotated one, the templates to start from, the report of an import and their list.

Pure: what they say is handed in. They are the only ones to know openpyxl here. No key is ever in any of them.
"""
