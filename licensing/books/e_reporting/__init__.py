"""E-reporting: sales to consumers and what they paid, declared to the tax authority by period (CGI 290 and 290 A).

A report is made once from the books and frozen. What changes later goes into a correcting report, which takes its
place. It leaves through the approved platform, or as a file. Sources and open questions: docs/decisions/0116.
"""
