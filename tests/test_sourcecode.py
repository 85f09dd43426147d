"""The source keeps the rules of the house: lint, types, import layers, size and docstrings of modules."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("bench", "core_ext", "domain", "inventory", "scheduling", "service", "tests")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
LONGEST = 600  # lines


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "."], id="ruff"),
        pytest.param(["mypy"], id="mypy"),
        pytest.param(["lint-imports"], id="import-linter"),
        pytest.param(["cython-lint", "core_ext"], id="cython-lint"),
    ],
)
@pytest.mark.xdist_group("sourcecode")
def test_the_source_passes(command: list[str]) -> None:
    programs = Path(sys.executable).parent
    environ = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run([programs / command[0], *command[1:]], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_no_module_outgrows_its_reader() -> None:
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    assert {str(path): count for path, count in lines.items() if count > LONGEST} == {}


def test_every_module_opens_with_a_sentence() -> None:
    silent = [str(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []
