"""The pages in docs/ say what the registry, the parameters and the stages say."""

import re
from pathlib import Path

import pytest

from aisle_cli import docs
from aisle_contract.interfaces import nodes
from aisle_core.errors import AisleError

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
KINDS = {"subscribed", "published", "parameters", "diagnostics"}
PAGES = sorted(DOCS.rglob("*.md")) + sorted(ROOT.glob("*.md"))


@pytest.mark.parametrize("path", [f"nodes/{node}.md" for node in nodes()] + ["interfaces.md"])
def test_a_page_is_up_to_date(path):
    text = (DOCS / path).read_text(encoding="utf-8")
    assert text == docs.render(text, Path(path).stem, ROOT / "config" / "nodes"), "run ./aisle docs"


def test_no_page_is_missing_or_superfluous():
    assert {path.stem for path in (DOCS / "nodes").glob("*.md")} == set(nodes())
    assert len(docs.pages(ROOT)) == len(nodes()) + 1


@pytest.mark.parametrize("node", nodes())
def test_a_node_page_is_complete(node):
    text = (DOCS / "nodes" / f"{node}.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- generated: (\w+) -->", text)) == KINDS
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Frames", "Failure modes", "Subscribed", "Published", "Parameters", "Diagnostics",
    ]  # fmt: skip


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(path):
    from typer.main import get_command

    from aisle_cli.main import app

    known = get_command(app).commands
    words = re.findall(r"\./aisle ([a-z-]+)(?: ([a-z-]+))?", path.read_text(encoding="utf-8"))
    for command, sub in words:
        assert command in known, f"./aisle {command}"
        if sub and hasattr(known[command], "commands"):
            assert sub in known[command].commands, f"./aisle {command} {sub}"


def test_the_readme_lists_every_command():
    from typer.main import get_command

    from aisle_cli.main import app

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in get_command(app).commands if f"| `./aisle {name}" not in text] == []


def test_every_reason_to_reject_stands_on_a_page():
    source = (ROOT / "src" / "aisle_core" / "aisle_core" / "stages.py").read_text(encoding="utf-8")
    reasons = set(re.findall(r'_reject(?:ed)?[(\[]f?"(?:\{[^}]*\} )?([^"]+)"', source))
    assert len(reasons) > 5
    pages = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "nodes").glob("*.md"))
    assert {reason for reason in reasons if reason not in pages} == set()


def test_the_diagnostic_keys_are_those_of_the_nodes():
    pytest.importorskip("diagnostic_msgs")
    from aisle_nodes.diagnostics import Health

    health = Health()
    for counter in (health.received, health.lost, health.published):
        counter["<topic>"] += 1
    keys = {
        pair.key
        for pair in health.status(
            "node", "/store", "active", {"listens to": "", "matched <topic>": 1, "heard <topic>": 1}
        ).values
    }
    assert keys == set(docs.DIAGNOSTIC_KEYS)


def page(tmp_path, text, name="interfaces"):
    for folder in ("docs/nodes", "config/nodes"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    path = tmp_path / "docs" / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_text_around_the_generated_parts_stays():
    text = "before\n<!-- generated: qos -->\nold\n<!-- /generated -->\nafter\n"
    rendered = docs.render(text, "interfaces", Path())
    assert rendered.startswith("before\n<!-- generated: qos -->\n| class |")
    assert rendered.endswith("<!-- /generated -->\nafter\n")
    assert "old" not in rendered
    assert docs.render(rendered, "interfaces", Path()) == rendered


def test_an_unknown_part_is_named():
    with pytest.raises(AisleError, match=r"interfaces\.md: generated part 'colour': choose from subscribed"):
        docs.render("<!-- generated: colour -->\n<!-- /generated -->", "interfaces", Path())


def test_a_missing_page_is_named(tmp_path):
    page(tmp_path, "")
    with pytest.raises(AisleError, match=rf"{nodes()[0]}\.md: the page of this node is missing"):
        docs.pages(tmp_path)


def test_a_superfluous_page_is_named(tmp_path):
    page(tmp_path, "")
    page(tmp_path, "", "nodes/aaa_node")
    with pytest.raises(AisleError, match=r"aaa_node\.md: the registry has no such node; remove the page"):
        docs.pages(tmp_path)


def test_check_names_the_stale_page_and_leaves_it(tmp_path, monkeypatch, capsys):
    stale = page(tmp_path, "<!-- generated: qos -->\n<!-- /generated -->\n")
    monkeypatch.setattr(docs, "nodes", list)
    monkeypatch.setattr(docs, "checkout_root", lambda: tmp_path)
    assert docs.run_docs(check=True) == 1
    assert f"{stale}: stale" in capsys.readouterr().out
    assert docs.run_docs(check=False) == 0
    assert docs.run_docs(check=True) == 0


def test_the_comment_above_a_key_is_its_note():
    text = "/**/x_node:\n  ros__parameters:\n    a: 1\n    # one\n    # two\n    g:\n      # b\n      k: 2\n"
    assert docs._notes(text) == {"": "", "a": "", "g": "one two", "g.k": "b"}
