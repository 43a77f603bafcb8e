"""The blocks of the repository's documents, each with what runs it, by language.

| block | what is done with it |
| --- | --- |
| `sh` | run by bash, in a folder of its document's with a copy of the examples; must succeed |
| `console` | the same with `$ ` in front of commands, and their output, which is compared |
| `text` | compared with what the block before it printed |
| `python` | run, or a doctest; skipped where it imports a framework that is not installed |
| `rust` | in a doctest of a crate, which must include the document |
| `toml`, `json` | a plan, dependencies on a clone, a spec, a config; else anything that parses |

`...` in output stands for anything. What follows the language is the file that the block is written
to. What cannot run has a comment with the reason in front of it: `<!-- skip: next "reason" -->`.
"""

import ast
import contextlib
import doctest
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import tomllib
from sybil import Document
from sybil.parsers.abstract.codeblock import PythonDocTestOrCodeBlockParser
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

import varscale
from varscale import _core

ROOT = Path(__file__).parents[2]
PATHS = [
    path
    for pattern in ["README.md", "docs/*.md", "python/README.md", "crates/*/README.md"]
    for path in sorted(ROOT.glob(pattern))
]
# Not in every environment: any other import must succeed.
FRAMEWORKS = {"flax", "jax", "keras", "safetensors", "tensorflow", "tf_keras", "torch"}
FRAMEWORKS |= {"accelerate", "orbax", "ray", "transformers"}
# Of a clone, copied into the folder.
CLONED = ["Cargo.lock", "Cargo.toml", "README.md", "crates", "examples", "fuzz", "python", "xtask"]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def relative(document):
    """A document's path in the repository."""
    return Path(document.path).relative_to(ROOT)


def compared(expected, output):
    """What is wrong about an output, or none."""
    if doctest.OutputChecker().check_output(expected, output, FLAGS):
        return None
    return f"expected:\n{expected}\ngot:\n{output}"


def environment(folder):
    """The environment of commands: `varscale` is what a block installed, else the package's."""
    tools, installed = folder.parent / "tools", folder.parent / "installed"
    tools.mkdir(exist_ok=True)
    for name in ["pip", "varscale"]:
        command = tools / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {name} "$@"\n')
        command.chmod(0o755)
    # pip builds with the maturin that is here, and asks no index.
    (maturin,) = importlib.util.find_spec("maturin").submodule_search_locations
    built = Path(maturin).parents[3] / "bin"
    return {
        **os.environ,
        "PATH": ":".join(map(str, [installed / "bin", tools, built, os.environ["PATH"]])),
        "CARGO_INSTALL_ROOT": str(installed),
        # In a third of the time. The wheel that the other documents run by is optimized.
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
        "CARGO_TARGET_DIR": str(ROOT / "target"),
        "CARGO_TERM_QUIET": "true",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_TARGET": str(installed / "python"),
    }


def bash(script, folder):
    """Exit code and output of a script."""
    command = ["bash", "-u", "-o", "pipefail", "-c", script]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    return done.returncode, done.stdout


def run_sh(example):
    code, output = bash(f"set -e\n{example.parsed}", Path.cwd())
    example.document.output = output
    return f"exit code {code}:\n{output}" if code else None


def run_console(example):
    end = "-- end of output --"
    commands, outputs = [], []
    for line in example.parsed.splitlines():
        if line.startswith("$ "):
            commands.append(line.removeprefix("$ "))
            outputs.append("")
        elif commands and not outputs[-1] and commands[-1].endswith("\\"):
            commands[-1] += "\n" + line.removeprefix("> ")
        else:
            outputs[-1] += line + "\n"
    script = f'end() {{ code=$?; printf "\\n{end}%s\\n" "$code"; return "$code"; }}\n'
    _, printed = bash(script + "".join(f"{command}\nend\n" for command in commands), Path.cwd())
    parts = re.findall(rf"(.*?)\n{end}(\d+)\n", printed, re.DOTALL)
    for index, (command, expected) in enumerate(zip(commands, outputs, strict=True)):
        if index == len(parts):
            return f"$ {command}\nended the shell:\n{printed}"
        output, code = parts[index]
        told = commands[index + 1 : index + 2] == ["echo $?"]
        if code != "0" and not told:
            return f"$ {command}\nexit code {code}:\n{output}"
        if wrong := compared(expected, output):
            return f"$ {command}\n{wrong}"
    return None


def run_text(example):
    return compared(example.parsed, example.document.output)


def run_rust(example):
    # A crate has a link to a document of `docs`: its package cannot reach out of its folder.
    for source in [*ROOT.glob("crates/*/src/lib.rs"), ROOT / "fuzz/properties/src/lib.rs"]:
        included = re.findall(r'include_str!\("(.*)"\)', source.read_text())
        if Path(example.document.path).resolve() in [
            (source.parent / path).resolve() for path in included
        ]:
            return None
    return (
        "no crate's doctests include this document: see `documents` in fuzz/properties/src/lib.rs"
    )


def run_toml(example):
    content = tomllib.loads(example.parsed)
    for name, dependency in content.get("dependencies", {}).items():
        if "path" not in dependency:
            continue
        # As from a package that lies beside the clone.
        path = ROOT / Path(dependency["path"]).relative_to("../varscale")
        if tomllib.loads((path / "Cargo.toml").read_text())["package"]["name"] != name:
            return f"{path} is not {name}"
    if "rules" in content:
        spec = Path(content.pop("spec"))
        found = spec.read_text() if spec.is_file() else example.document.spec
        _core.Plan.resolve(found, json.dumps({"spec": "", **content}), None)
    return None


def run_json(example):
    content = json.loads(example.parsed)
    if "class_name" in content:
        varscale.get(content)
    elif all(isinstance(entry, dict) and "shape" in entry for entry in content.values()):
        example.document.spec = example.parsed
        rules = {"spec": "", "rules": [{"match": "*", "skip": True}]}
        _core.Plan.resolve(example.parsed, json.dumps(rules), None)
    return None


def frameworks(source):
    """The frameworks that some code imports; none where it imports nothing."""
    names = [
        name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in getattr(node, "module", None) and [node.module] or [a.name for a in node.names]
    ]
    parts = {part for name in names for part in name.split(".")[:2]}
    return parts & FRAMEWORKS if parts else None


def runs_with_jax(document):
    """Whether tests where JAX is installed run all of a document that tests here would."""
    if importlib.util.find_spec("jax"):
        return False
    # Keras's have another backend here.
    here = document.needed - {"safetensors"}
    return not any(importlib.util.find_spec(name) for name in here)


def python(evaluate):
    """What runs Python code, unless a framework is missing: for it, or for what it goes on with."""

    def run(example):
        document = example.document
        source = getattr(example.parsed, "source", example.parsed)
        needed = frameworks(source)
        if needed is not None:
            missing = [name for name in sorted(needed) if importlib.util.find_spec(name) is None]
            document.missing = missing
        if document.missing:
            raise SkipTest(f"{', '.join(document.missing)} is not installed")
        with contextlib.redirect_stdout(io.StringIO()) as output:
            try:
                return evaluate(example)
            finally:
                document.output = output.getvalue()

    return run


RUN = {
    "console": run_console,
    "json": run_json,
    "rust": run_rust,
    "sh": run_sh,
    "text": run_text,
    "toml": run_toml,
}


class Blocks(CodeBlockParser):
    """All blocks but Python's, and none that nothing runs."""

    language = "any"

    def __call__(self, document):
        for region in FencedCodeBlockLexer(r".*", {"language": "info", "source": "source"})(
            document
        ):
            language, *file = region.lexemes["info"].split() or [""]
            region.parsed = region.lexemes["source"]
            if language != "python":
                if language not in RUN:
                    where = document.line_column(region.start)
                    raise ValueError(f"{document.path}, {where}: nothing runs {language!r} blocks")
                region.evaluator = self.written(file, RUN[language])
                yield region

    @staticmethod
    def written(file, run):
        def evaluator(example):
            for name in file:
                Path(name).write_text(example.parsed)
            return run(example)

        return evaluator


class PythonBlocks(PythonDocTestOrCodeBlockParser):
    codeblock_parser_class = CodeBlockParser

    def __call__(self, document):
        document.needed = set()
        for region in super().__call__(document):
            document.needed |= frameworks(getattr(region.parsed, "source", region.parsed)) or set()
            region.evaluator = python(region.evaluator)
            yield region


def parse(path):
    """A document, with what its blocks leave for those after them."""
    document = Document.parse(
        str(path), SkipParser(), Blocks(), PythonBlocks(doctest_optionflags=FLAGS)
    )
    document.output, document.spec, document.missing = "", "{}", []
    return document


def folder_of(document):
    """An empty clone, for the commands of a document and the files that they write.

    Always at one place, by which cargo knows what it has built.
    """
    parent = ROOT / "target" / "documents" / str(relative(document)).replace("/", "-")
    shutil.rmtree(parent, ignore_errors=True)
    folder = parent / "varscale"
    folder.mkdir(parents=True)
    ignored = shutil.ignore_patterns("target", "__pycache__", "*.so", "golden")
    for name in CLONED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(source, folder)
    return folder
