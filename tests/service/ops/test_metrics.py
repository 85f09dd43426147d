"""Figures: added up over processes, in Prometheus's text format."""

import os
from pathlib import Path

import msgspec

from service.ops.metrics import Counted, Metrics


def test_the_figures_of_all_processes_are_added_up(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.answered("GET", "/api/v1/x/{id}", 200, 0.003)
    metrics.answered("GET", "/api/v1/x/{id}", 404, 20.0)
    metrics.gauge("forecourt_pool_connections", 2, role="r", state="busy")
    counts = [0, 0, 1] + [0] * 11
    other = Counted(
        [("GET", "/api/v1/x/{id}", 200, 5)],
        [("GET", "/api/v1/x/{id}", 0.1, counts)],
        [("forecourt_pool_connections", [("role", "r"), ("state", "busy")], 3)],
    )
    (tmp_path / f"{os.getppid()}-{os.getppid()}-a.json").write_bytes(msgspec.json.encode(other))  # one that lives
    (tmp_path / f"{os.getppid()}-999999999-b.json").write_bytes(msgspec.json.encode(other))  # and one that has ended
    lines = metrics.text({"QUEUED": 4}).decode().splitlines()
    assert 'forecourt_requests_total{method="GET",route="/api/v1/x/{id}",status="200"} 11' in lines
    assert 'forecourt_requests_total{method="GET",route="/api/v1/x/{id}",status="404"} 1' in lines
    assert 'forecourt_request_seconds_bucket{method="GET",route="/api/v1/x/{id}",le="0.005"} 3' in lines
    assert 'forecourt_request_seconds_bucket{method="GET",route="/api/v1/x/{id}",le="+Inf"} 4' in lines
    assert 'forecourt_request_seconds_count{method="GET",route="/api/v1/x/{id}"} 4' in lines
    assert 'forecourt_pool_connections{role="r",state="busy"} 5' in lines
    assert 'forecourt_jobs{status="QUEUED"} 4' in lines


def test_figures_survive_their_process_but_not_a_new_start_of_the_service(tmp_path: Path) -> None:
    first = Metrics(tmp_path)
    first.answered("GET", "/x", 200, 0.1)
    first.close()
    assert b'status="200"} 1' in Metrics(tmp_path).text({})
    (tmp_path / "999999998-999999999-x.json").write_bytes(b"{}")
    Metrics(tmp_path)
    assert not list(tmp_path.glob("999999998-*"))


def test_text_of_labels_is_escaped(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.answered("GET", 'a"b\\c\nd', 200, 0.1)
    assert 'route="a\\"b\\\\c\\nd"' in metrics.text({}).decode()
