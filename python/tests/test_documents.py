"""Every command and code block of the README, the how-tos and the crates' READMEs."""

import functools
import re

import documents
import pytest

DOCUMENTS = [documents.parse(path) for path in documents.PATHS]
FOLDER = functools.cache(documents.folder_of)
BLOCKS = [
    pytest.param(block, id=f"{documents.relative(document)}:{block.line}")
    for document in DOCUMENTS
    for block in document
]


@pytest.mark.parametrize("block", BLOCKS)
def test_block(block, monkeypatch):
    if documents.runs_with_jax(block.document):
        pytest.skip("needs none of the frameworks here, and runs with JAX")
    monkeypatch.chdir(FOLDER(block.document))
    block.evaluate()


@pytest.mark.parametrize("document", DOCUMENTS, ids=documents.relative)
def test_links(document):
    for link in re.findall(r"\]\(([^)#:]+)\)", document.text):
        assert (documents.ROOT / documents.relative(document).parent / link).exists(), link


def test_the_readme_lists_every_page():
    readme = (documents.ROOT / "README.md").read_text()
    for page in (documents.ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in readme, page.name


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("sh", "false"),
        ("sh", "varscale sample"),
        ("console", "$ false"),
        ("console", "$ echo one\ntwo"),
        ("console", "$ exit 3\n$ true"),
        ("text", "never printed"),
        ("python", "assert False"),
        ("python", ">>> 1\n2"),
        ("rust", "fn main() {}"),
        ("toml", "a ="),
        ("toml", 'spec = "none"\n[[rules]]\nmatch = "*"\ninitializer = "typo"'),
        ("toml", '[dependencies]\nvarscale = { path = "../varscale/elsewhere" }'),
        ("json", '{"a": {"shape": [-1]}}'),
        ("json", '{"class_name": "Typo"}'),
        ("", "echo"),
        ("fortran", "end"),
    ],
)
def test_a_wrong_block_fails(language, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"Text.\n\n```{language}\n{source}\n```\n")
    with pytest.raises(Exception):  # noqa: B017, of whatever kind
        for block in documents.parse(page):
            block.evaluate()
