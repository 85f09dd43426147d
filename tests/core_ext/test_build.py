"""The kernels under test are those of the build, and run the loops of the level, that was asked for."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core_ext import level
from tests.conftest import KERNELS, ROOT

NAMES = sorted(path.stem for path in (ROOT / "core_ext").glob("*.pyx"))


@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_comes_from_the_build_asked_for(name: str) -> None:
    module = importlib.import_module(f"core_ext.{name}")
    assert Path(str(module.__file__)).parent == KERNELS


SHOWN = f"""
import core_ext
core_ext.__path__.insert(0, {str(KERNELS)!r})
from core_ext import level
print(level.in_use())
"""


def started(name: str) -> subprocess.CompletedProcess[str]:
    """A process whose environment names this level and which prints the one in use."""
    environ = {**os.environ, level.VARIABLE: name}
    return subprocess.run([sys.executable, "-c", SHOWN], cwd=ROOT, env=environ, capture_output=True, text=True)


def test_the_best_level_is_used_unless_the_environment_names_another() -> None:
    assert level.LEVELS[0] == "plain"
    assert [started(name).stdout.strip() for name in ("", *level.LEVELS)] == [level.LEVELS[-1], *level.LEVELS]
    refused = started("sse9")
    assert refused.returncode != 0
    levels = ", ".join(level.LEVELS)
    assert f"FORECOURT_CPU_LEVEL: 'sse9' is no level of this processor, which has {levels}" in refused.stderr


def test_a_level_that_the_processor_lacks_is_refused() -> None:
    before = level.in_use()
    with pytest.raises(ValueError, match="'avx1024' is no level of this processor"):
        level.use("avx1024")
    assert level.in_use() == before
