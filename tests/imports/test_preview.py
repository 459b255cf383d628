"""The rows that a member is shown to settle what the columns mean."""

from __future__ import annotations

from imports.reading.preview import preview

ROWS = [["Liste"], [], ["UAI", "Licences"], ["0301234D", 3.0], ["x" * 80, 2]]


def test_it_begins_above_the_titles_and_goes_on_below_them():
    assert preview(ROWS, 3) == [
        {"number": 1, "cells": ["Liste"]},
        {"number": 2, "cells": []},
        {"number": 3, "cells": ["UAI", "Licences"]},
        {"number": 4, "cells": ["0301234D", "3"]},
        {"number": 5, "cells": ["x" * 59 + "…", "2"]},
    ]
    assert [row["number"] for row in preview([[str(n)] for n in range(1, 30)], 20)] == list(range(17, 26))


def test_a_table_without_titles_begins_at_its_first_row():
    assert [row["number"] for row in preview([[str(n)] for n in range(1, 30)], None)] == [1, 2, 3, 4, 5]
