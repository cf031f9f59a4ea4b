"""The table of faults says what is so."""

from __future__ import annotations

from tests.faults import matrix


def test_the_table_names_the_tests_there_are() -> None:
    """Whoever adds or renames a fault's test runs ``python -m tests.faults.matrix``."""
    assert matrix.README.read_text(encoding="utf-8") == matrix.page()


def test_every_number_is_one_of_the_matrix() -> None:
    """No test shows a fault that is not there."""
    assert set(matrix.shown()) <= set(matrix.FAULTS)
