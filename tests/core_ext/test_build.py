"""The kernels under test are those of the build that was asked for."""

import importlib
import os
from pathlib import Path

import pytest

from tests.conftest import DEBUG_KERNELS, ROOT

KERNELS = sorted(path.stem for path in (ROOT / "core_ext").glob("*.pyx"))


@pytest.mark.parametrize("name", KERNELS)
def test_the_kernel_comes_from_the_build_asked_for(name: str) -> None:
    module = importlib.import_module(f"core_ext.{name}")
    asked = DEBUG_KERNELS if os.environ.get("CORE_EXT_DEBUG") == "1" else ROOT / "core_ext"
    assert Path(str(module.__file__)).parent == asked
