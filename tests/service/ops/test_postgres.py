"""The launcher: every way in which a server can be started, shared, killed and found again."""

import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from service.ops import postgres
from service.settings import OperatorError
from tests.conftest import QUICK, ROOT
from tests.service.ops.processes import ended

STARTER = """
import sys
from pathlib import Path
from service.ops import postgres
server = postgres.start(Path(sys.argv[1]), options={"fsync": "off"})
print(server.pid, server.shared, server.dsn(), flush=True)
sys.stdin.read()
server.stop()
"""


def start(data_dir: Path, **more: object) -> postgres.Server:
    return postgres.start(data_dir, options=QUICK, **more)  # type: ignore[arg-type]


def starter(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def told(process: subprocess.Popen[str]) -> tuple[int, bool]:
    assert process.stdout is not None
    pid, shared, _ = process.stdout.readline().split(maxsplit=2)
    return int(pid), shared == "True"


def finish(process: subprocess.Popen[str]) -> None:
    process.communicate("")
    assert process.returncode == 0


@pytest.mark.parametrize("name", ["a path with spaces", 'odd "quotes", commas and $signs', "long" * 30, "ünïcode"])
async def test_any_path_will_do(short_folder: Path, name: str) -> None:
    with start(short_folder / name / "pg") as server:
        connection = await asyncpg.connect(server.dsn())
        assert await connection.fetchval("show server_encoding") == "UTF8"
        assert await connection.fetchval("show listen_addresses") == ""
        await connection.close()
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    assert ended(server.pid, 0)


def test_permissions_of_the_parents_stay_as_they_are(short_folder: Path) -> None:
    home = short_folder / "home"
    home.mkdir(mode=0o700)
    with start(home / "var" / "pg"):
        assert home.stat().st_mode & 0o777 == 0o700
        assert (home / "var" / "pg").stat().st_mode & 0o777 == 0o700


def test_a_second_start_is_quick_and_keeps_the_data(short_folder: Path) -> None:
    with start(short_folder / "pg") as first:
        made = (short_folder / "pg" / "PG_VERSION").stat().st_mtime_ns
    with start(short_folder / "pg") as second:
        assert not second.shared
        assert second.pid != first.pid
        assert (short_folder / "pg" / "PG_VERSION").stat().st_mtime_ns == made


def test_whoever_finds_a_running_server_shares_it_and_leaves_it_running(short_folder: Path) -> None:
    with start(short_folder / "pg") as first:
        with start(short_folder / "pg") as second:
            assert second.shared
            assert second.dsn() == first.dsn()
        assert first.alive()


def test_of_two_supervisors_at_once_one_starts_and_both_have_it(short_folder: Path) -> None:
    both = [starter(short_folder / "pg") for _ in range(2)]
    answers = [told(process) for process in both]
    assert sorted(shared for _, shared in answers) == [False, True]
    assert answers[0][0] == answers[1][0]
    for process in both:
        finish(process)
    assert ended(answers[0][0])


def test_killing_the_starter_ends_the_server_and_the_next_start_takes_up(short_folder: Path) -> None:
    process = starter(short_folder / "pg")
    pid, _ = told(process)
    process.kill()
    process.wait()
    with start(short_folder / "pg") as server:
        assert not server.shared
        assert server.pid != pid
    assert ended(pid)
    process.communicate()


async def test_killing_the_postmaster_loses_nothing_that_was_committed(short_folder: Path) -> None:
    server = postgres.start(short_folder / "pg")
    connection = await asyncpg.connect(server.dsn())
    await connection.execute("create table kept (a int); insert into kept values (1)")
    os.kill(server.pid, signal.SIGKILL)
    assert ended(server.pid)  # and nobody has reaped it: a zombie still has its number
    with postgres.start(short_folder / "pg") as again:
        assert not again.shared
        after = await asyncpg.connect(again.dsn())
        assert await after.fetchval("select a from kept") == 1
        await after.close()
    connection.terminate()
    server.stop()


def test_a_half_made_cluster_is_never_taken_for_a_whole_one(short_folder: Path) -> None:
    draft = short_folder / "pg.init"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    with start(short_folder / "pg") as server:
        assert server.alive()
    assert not draft.exists()


@pytest.mark.parametrize("pid", [os.getpid(), 1, 4_194_303], ids=["ours", "init", "nobody"])
def test_a_stale_number_of_another_process_is_no_server(short_folder: Path, pid: int) -> None:
    with start(short_folder / "pg"):
        pass
    lines = [str(pid), str(short_folder / "pg"), "1700000000", "5432", str(short_folder / "pg.socket"), "", "", "ready"]
    (short_folder / "pg" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    with start(short_folder / "pg") as server:
        assert not server.shared


def test_a_server_that_cannot_start_says_why(short_folder: Path) -> None:
    with pytest.raises(OperatorError, match="no_such_setting"):
        postgres.start(short_folder / "pg", options={**QUICK, "no_such_setting": "1"})


def test_data_of_another_version_is_refused_with_advice(short_folder: Path) -> None:
    with start(short_folder / "pg", binaries=postgres.wheel_postgres(16)):
        pass
    with pytest.raises(OperatorError, match="made by PostgreSQL 16 and this is 18"):
        start(short_folder / "pg")


@pytest.mark.parametrize("major", [15, 16])
async def test_other_versions_run_by_the_same_launcher(short_folder: Path, major: int) -> None:
    binaries = postgres.wheel_postgres(16) if major == 16 else postgres.system_postgres(major)
    if binaries is None:
        pytest.skip(f"PostgreSQL {major} is not installed on this machine")
    with start(short_folder / "pg", binaries=binaries) as server:
        connection = await asyncpg.connect(server.dsn())
        assert connection.get_server_version().major == major
        await connection.close()


def nobody_can_run() -> bool:
    program = postgres.wheel_postgres() / "postgres"
    try:
        return subprocess.run([program, "--version"], user="nobody", check=False).returncode == 0
    except PermissionError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
async def test_root_without_user_namespaces_runs_it_as_an_account(short_folder: Path) -> None:
    os.chmod(short_folder, 0o711)  # noqa: PTH101, S103
    if not nobody_can_run():
        with pytest.raises(OperatorError, match="cannot run"):
            start(short_folder / "pg", account="nobody")
        return
    with start(short_folder / "pg", account="nobody") as server:
        assert (short_folder / "pg").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        connection = await asyncpg.connect(server.dsn())
        assert await connection.fetchval("select 1") == 1
        await connection.close()
    with start(short_folder / "pg", account="nobody") as again:
        assert again.alive()
