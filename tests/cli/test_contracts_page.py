"""`contracts`: the page for people is of today, and says every column."""

from pathlib import Path

import pytest

from pipelines.cli.app import run
from pipelines.contracts import TABLES, VIEWS

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"


def test_the_page_is_what_the_contracts_say_today(tmp_path: Path) -> None:
    assert run(["contracts", "--out", str(tmp_path / "docs" / "contracts.md")]) == 0
    made = (tmp_path / "docs" / "contracts.md").read_text(encoding="utf-8")
    assert made == PAGE.read_text(encoding="utf-8"), "type: lakehouse contracts --out docs/contracts.md"


def test_it_says_every_column_and_the_parts_of_nested_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contracts"]) == 0
    page = capsys.readouterr().out
    for table in TABLES:
        section = page.split(f"\n## {table.full_name}\n")[1].split("\n## ")[0]
        assert [name for name in table.column_names if f"| `{name}` |" not in section] == []
    for view in VIEWS:
        section = page.split(f"\n## {view.full_name}\n")[1].split("\n## ")[0]
        assert [name for name, meaning in view.columns if f"| `{name}` | {meaning} |" not in section] == []
        assert f"```sql{view.query}\n```" in section
    assert "| `record_id` | `string`, never null | SHA-256 (hex) that names the record" in page
    assert "| `links[].similarity` | `double` | Jaccard similarity" in page
    assert "`text \\| label,label" not in page
    assert "## clean_training_dataset.jsonl" in page
