"""Browser assets: what was collected is what the lock file names, and our own files ask no other host."""

import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PORTAL = ROOT / "service" / "portal"
VENDOR = PORTAL / "static" / "vendor"


def test_the_lock_file_pins_versions_and_hashes_and_names_no_download_address() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["dependencies"].values())
    for name, entry in lock["packages"].items():
        assert "resolved" not in entry, name
        if name:
            assert entry["integrity"].startswith("sha512-"), name
    assert "://" not in (ROOT / "package-lock.json").read_text()
    for name, version in package["dependencies"].items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version


def test_the_collected_assets_are_those_of_the_lock_file_with_their_licences() -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    sources = (ROOT / "package.json").read_bytes() + (ROOT / "package-lock.json").read_bytes()
    assert manifest["state"] == hashlib.sha256(sources).hexdigest(), "run `make build` to collect them anew"
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    wanted = json.loads((ROOT / "package.json").read_text())["vendor"]
    assert manifest["packages"].keys() == wanted.keys()
    for name, told in manifest["packages"].items():
        entry = lock[f"node_modules/{name}"]
        assert (told["version"], told["integrity"]) == (entry["version"], entry["integrity"])
        assert {Path(file).name for file in wanted[name]} <= told["files"].keys()
        assert any(file.upper().startswith(("LICENSE", "LICENCE")) for file in told["files"])
        found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (VENDOR / name).iterdir()}
        assert found == told["files"]


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(PORTAL.rglob("*")) if path.is_file() and VENDOR not in path.parents]
    + [ROOT / "service" / "api" / "pages.py"],
    ids=lambda path: path.name,
)
def test_our_own_pages_and_files_name_no_other_host(path: Path) -> None:
    if path.suffix in (".html", ".css", ".js", ".json", ".svg", ".py", ".jinja"):
        found = re.findall(r"""(?:https?:)?//[\w-]+(?:\.[\w-]+)+""", path.read_text(encoding="utf-8"))
        assert [address for address in found if "www.w3.org" not in address] == []  # names of XML namespaces
