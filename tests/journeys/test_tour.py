"""The tour of the README works as it is printed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.journeys.served import Served

pytestmark = pytest.mark.xdist_group("journeys")
# Every answer of curl is also kept in a file of its own, in the order of the calls.
KEEPING = """
curl() { local n; n=$(ls "$ANSWERS" | wc -l); command curl "$@" | tee "$ANSWERS/$(printf %02d "$n")"; }
"""


@pytest.fixture(scope="module")
def answers(served: Served, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the calls of the tour answer."""
    found = re.search(r"<!-- tour -->\n```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None
    script = found[1]
    assert script.count(":8000") == script.count("curl -s")  # `curl -si` among them
    folder = tmp_path_factory.mktemp("answers")
    done = subprocess.run(
        ["bash", "-eu", "-c", KEEPING + script.replace(":8000", f":{served.port}")],
        capture_output=True,
        text=True,
        env={**served.environ, "ANSWERS": str(folder)},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [path.read_bytes().decode() for path in sorted(Path(folder).iterdir())]


def _decoded(answers: list[str]) -> list[Any]:
    # The last is cut by `head`.
    return [_body(text.rpartition("\r\n\r\n")[2] if text.startswith("HTTP/") else text) for text in answers[:-1]]


def _body(text: str) -> Any:
    if text.startswith("BEGIN:VCALENDAR"):
        return text
    return [json.loads(line) for line in text.splitlines()] if "\n{" in text else json.loads(text)


def test_every_call_of_the_tour_answers_what_is_promised(answers: list[str]) -> None:
    (
        search, people, dealer, me, dealers_search, suggestions, located, customer, cars, assets, free, held, booked,
        invitation, lead, centers, drives, drive, system, imported, available, found, ready,
    ) = _decoded(answers)  # fmt: skip
    assert search["total"] > 0
    assert {"make", "price"} == search["facets"].keys()
    assert {relaxation["drop"] for relaxation in search["relaxations"]} == {"body_style", "price"}
    assert all(item["body_style"] == "SUV" and "vin" not in item for item in search["items"])
    assert people["items"][0]["make"] == "Toyota"
    assert "vin" not in people["items"][0]
    assert all(answer["token_type"] == "Bearer" for answer in (dealer, customer, system))
    assert (me["persona"], me["roles"]) == ("PARTNER", ["SALES"])
    assert dealers_search["total"] >= people["total"]
    assert "vin" in dealers_search["items"][0]
    assert any(one["value"].lower().startswith("coro") for one in suggestions["items"])
    assert len(located["items"]) == 2
    assert all(one["vehicle"]["make"] == "Toyota" and 0 < one["score"] <= 1 for one in located["items"])
    assert len(cars["items"][0]["vin"]) == 17
    assert held["asset_id"] == assets["items"][0]["id"]
    assert (held["center_id"], held["start"]) == (free["slots"][0]["center_id"], free["slots"][0]["start"])
    assert (held["status"], booked["status"]) == ("HELD", "BOOKED")
    assert f"DTSTART;TZID=America/New_York:{''.join(held['start'][:16].split('-')).replace(':', '')}00" in invitation
    assert [one["account_id"] for one in centers["items"]] == [lead["account_id"]] == [me["account_id"]]
    assert drive.get("lead_id") == lead["id"], drive
    assert (drive["status"], drive["lead_id"], drive["start"]) == ("BOOKED", lead["id"], drives["slots"][0]["start"])
    assert drive["vehicle_id"] in drives["slots"][0]["vehicle_ids"]
    assert (imported["received"], imported["created"], imported["rejected"]) == (2, 1, 1)
    assert [line.get("id") for line in available] == [1, 2, None]
    assert available[0]["available"] >= 1
    assert available[0]["nearest"]["distance_km"] >= 0
    assert available[-1]["end"]
    assert found["total"] == 1
    assert (found["items"][0]["model"], found["items"][0]["model_year"]) == ("Accord", 2003)
    assert ready["status"] == "READY"
    assert answers[-1].startswith('{"openapi":"3.1')
