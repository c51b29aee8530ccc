"""docs/architecture.md shows the floors that import-linter keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).parents[3]
CONTRACTS = tomli.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FLOORS = {
    contract["containers"][0]: [
        [name.strip("() \n") for name in re.split("[|:]", layer)] for layer in contract["layers"]
    ]
    for contract in CONTRACTS
    if contract.get("exhaustive")
}


def rows_about(package: str) -> list[str]:
    """Return the rows of the page's table about a package."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    tables = re.split(r"\n\n", text)
    heads = (f"**`{package.replace('.', '/')}/`**", f"| floor of `{package.replace('.', '/')}/`")
    (begin,) = (i for i, part in enumerate(tables) if part.startswith(heads))
    table = next(part for part in tables[begin:] if part.startswith("|"))
    return [line.split("|")[1] for line in table.splitlines()[2:]]


@pytest.mark.parametrize("package", FLOORS)
def test_every_floor_is_shown_in_its_order(package):
    rows = rows_about(package)
    shown_in = []
    for layer in FLOORS[package]:
        folder = ROOT / package.replace(".", "/")
        names = [f"{n}/" if (folder / n).is_dir() else f"{n}.py" for n in layer if there(folder, n)]
        places = {
            next((i for i, row in enumerate(rows) if re.search(rf"[`/]{re.escape(n)}", row)), n)
            for n in names
        }
        assert len(places) == 1, f"{package}: {names} are not in one row: {places}"
        shown_in += places
    assert shown_in == sorted(shown_in), f"{package}: the rows are in another order"


def there(folder: Path, name: str) -> bool:
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()
