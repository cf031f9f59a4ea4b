"""``python -m tests.observability``: write the dashboards and docs/metrics.md anew."""

from __future__ import annotations

from tests.observability.pages import files

for path, text in files().items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
