"""The deliberate wrongs still fit the code, so that the script which does them stays a proof."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.sabotage import SABOTAGES, Sabotage, apply
from tests.program import ROOT


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda each: each.file)
def test_a_sabotage_fits_the_code_and_names_tests_there_are(
    sabotage: Sabotage, tmp_path: Path
) -> None:
    """What it breaks is there once, and each test that has to notice exists."""
    broken = tmp_path / sabotage.file
    broken.parent.mkdir(parents=True)
    broken.write_text((ROOT / sabotage.file).read_text())
    apply(sabotage, tmp_path)
    assert broken.read_text() != (ROOT / sabotage.file).read_text()
    for test in sabotage.tests:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        known = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, known)}, test
