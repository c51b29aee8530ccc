"""Each recipe of docs/extending.md alone leaves the project whole: style, imports, completeness."""

from __future__ import annotations

import shutil

import pytest

from tests.recipes import CHECKOUT, copy_project, recipes, run

RECIPES = {title: blocks for title, blocks in recipes().items() if blocks}
OFFER = ("tests/integration/mcp/test_mcp_offer.py", "tests/unit/mcp_server/test_mcp_reference.py")
ROLES = ("tests/unit/common/test_roles.py", "tests/unit/orchestrator/test_role_programs.py")
DATABASE = "tests/integration/api/test_database_setup.py"
COMPLETENESS = {
    "An agent": (*ROLES, "tests/unit/config/test_shipped_configurations.py"),
    "A message type": ("tests/unit/common/test_messages.py",),
    "A REST field": (f"{DATABASE}::test_the_models_have_no_change_without_a_migration",),
    "A list": (
        "tests/unit/monitor/test_filtering.py",
        "tests/unit/web/test_web_list_pages.py",
        *OFFER,
    ),
    "An MCP tool": OFFER,
    "A finding": ("tests/unit/surfaces", "tests/unit/web/test_finding_texts.py"),
    "A workflow": ("tests/unit/config/test_shipped_configurations.py",),
}
"""The recipes, and the project's tests that find what such a change has forgotten."""
PACKAGES = ("swf_common_lib", "workflows", "agents", "orchestrator", "monitor", "mcp_server")


def test_the_page_has_a_recipe_for_each_kind_of_change():
    assert RECIPES.keys() == COMPLETENESS.keys()


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_alone_leaves_the_project_whole(title, tmp_path):
    copy_project(tmp_path)
    for block in RECIPES[title]:
        block.apply(tmp_path)
    run(tmp_path, "ruff", "check", "--quiet", ".")
    run(tmp_path, "ruff", "format", "--quiet", "--check", ".")
    run(tmp_path, "lint-imports", "--no-cache")
    run(tmp_path, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *COMPLETENESS[title])


def test_all_recipes_together_have_sound_types(tmp_path):
    copy_project(tmp_path)
    if (CHECKOUT / ".mypy_cache").is_dir():  # else it only takes longer
        shutil.copytree(CHECKOUT / ".mypy_cache", tmp_path / ".mypy_cache")
    for blocks in RECIPES.values():
        for block in blocks:
            block.apply(tmp_path)
    run(tmp_path, "mypy", *PACKAGES)
