"""The command `forecourt`: one table of subcommands, each of which imports what it runs only when it is called."""

import argparse
import asyncio
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from service.settings import PREFIX, OperatorError, Settings, describe, load

Arguments = argparse.Namespace


class Subcommand(NamedTuple):
    """Words after `forecourt`, what it does, its arguments, and the function that does it and returns the exit code."""

    words: str
    help: str
    run: Callable[[Settings, Arguments], int | None]
    arguments: tuple[tuple[str, Mapping[str, object]], ...] = ()
    environ: dict[str, str] = {}
    """Settings that the command means; an argument whose name is a variable is another."""


def _serve(settings: Settings, _: Arguments) -> int:
    from service.ops.supervise import serve

    return serve(settings)


def _worker(settings: Settings, arguments: Arguments) -> None:
    import uvloop

    from service.jobs.worker import run
    from service.ops import lifeline

    if arguments.parent:
        lifeline.follow(arguments.parent)
    uvloop.run(run(settings))


def _settings(settings: Settings, _: Arguments) -> None:
    width = max(len(name) for name, _ in describe(settings))
    for name, value in describe(settings):
        print(f"{name:{width}}  {value}".rstrip())


def _migrate(settings: Settings, _: Arguments) -> None:
    from service.ops.database import opened

    async def run() -> None:
        async with opened(settings, print):
            print("The database is up to date.")

    asyncio.run(run())


def _draft(settings: Settings, _: Arguments) -> None:
    import asyncpg

    from domain.kit import catalogue, drift
    from service.ops.database import opened

    async def run() -> None:
        async with opened(settings) as addresses:
            if addresses.owner is None:
                raise OperatorError("Set FORECOURT_DATABASE_OWNER_URL: the draft is tried out in a schema of its own")
            connection = await asyncpg.connect(addresses.owner)
            try:
                entities = list(catalogue.load().values())
                print(drift.draft(entities, *await drift.difference(connection, entities)))
            finally:
                await connection.close()

    asyncio.run(run())


def _index(work: str) -> Callable[[Settings, Arguments], None]:
    def command(settings: Settings, _: Arguments) -> None:
        from service.ops import index
        from service.ops.database import opened
        from service.stock import index_file

        async def run() -> None:
            async with opened(settings) as addresses:
                file = index_file(settings, addresses.service)
                await (index.verify if work == "verify" else index.rebuild)(addresses, print, file)

        asyncio.run(run())

    return command


def _import(work: str) -> Callable[[Settings, Arguments], None]:
    def command(settings: Settings, arguments: Arguments) -> None:
        from service.ops import importing
        from service.ops.database import opened

        async def run() -> None:
            async with opened(settings) as addresses:
                if work == "vehicles":
                    await importing.vehicles(settings, addresses, arguments.file, arguments.mapping, arguments.rejects)
                else:
                    await importing.places(settings, addresses, arguments.file, arguments.country)

        asyncio.run(run())

    return command


def _bench(_: Settings, arguments: Arguments) -> int:
    import bench

    words: list[str] = arguments.words
    folder = Path(bench.__path__[0])
    if words and (folder / words[0] / "__main__.py").exists():
        question = importlib.import_module(f"bench.{words[0]}.__main__")
        return int(question.main(words[1:]))
    files = [folder / f"bench_{word}.py" for word in words]
    if unknown := [file.stem for file in files if not file.exists()]:
        raise OperatorError(f"There is no benchmark {', '.join(unknown)} in {folder}.")
    try:
        import pytest
        import pytest_benchmark  # noqa: F401 - pytest takes it as a plugin
    except ModuleNotFoundError as problem:
        raise OperatorError(f"{problem}: the benchmarks need pip install 'forecourt[bench]'") from None
    return int(pytest.main(["--benchmark-only", "-q", *map(str, files or bench.__path__)]))


def _backup(settings: Settings, arguments: Arguments) -> None:
    from service.ops.backup import backup
    from service.ops.progress import Progress

    asyncio.run(backup(settings, arguments.file, Progress()))


def _restore(settings: Settings, arguments: Arguments) -> None:
    from service.jobs.privacy import erase_again
    from service.ops.backup import restore
    from service.ops.database import opened
    from service.ops.progress import Progress
    from service.services import Services

    async def forgotten_people() -> int:
        async with opened(settings) as addresses:
            services = Services(settings, addresses.service, application="forecourt restore")
            try:
                return await erase_again(services)
            finally:
                await services.close()

    asyncio.run(restore(settings, arguments.file, Progress()))
    if erased := asyncio.run(forgotten_people()):
        print(f"People erased since that backup were erased again: {erased}.")


def _demo(settings: Settings, _: Arguments) -> None:
    from service.demo.load import fill
    from service.ops.database import opened
    from service.ops.progress import Progress

    async def run() -> None:
        progress = Progress()
        async with opened(settings, progress.line) as addresses:
            await fill(addresses, settings.demo_vehicles, progress)

    asyncio.run(run())


def _sandbox(settings: Settings, arguments: Arguments) -> None:
    from service.ops.progress import Progress
    from service.ops.sandbox import create

    print(asyncio.run(create(settings, arguments.name, Progress())))


def _openapi(_: Settings, __: Arguments) -> None:
    import msgspec

    from service.api.openapi import document

    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document())) + b"\n")


def _create_user(settings: Settings, arguments: Arguments) -> None:
    from service.auth.users import create_first
    from service.ops.database import opened

    async def run() -> None:
        async with opened(settings) as addresses:
            print(await create_first(settings, addresses, role=arguments.role, email=arguments.email))

    asyncio.run(run())


_FILE = ("file", {"type": Path, "metavar": "FILE"})
_NAME = ("name", {"metavar": "NAME"})
_PARENT = ("--parent", {"type": int, "help": argparse.SUPPRESS})

SUBCOMMANDS = (
    Subcommand("serve", "serve in the foreground until Ctrl-C", _serve),
    Subcommand("worker", "take jobs (a served node has one worker already)", _worker, (_PARENT,)),
    Subcommand("settings", "show the settings, secrets hidden", _settings),
    Subcommand("db migrate", "apply the migrations that are missing", _migrate),
    Subcommand("db draft", "print the SQL that declared record types still lack", _draft),
    Subcommand("db backup", "write the whole database to FILE", _backup, (_FILE,)),
    Subcommand("db restore", "replace the whole database by that of FILE; stop the service first", _restore, (_FILE,)),
    Subcommand(
        "demo",
        "fill a new database with the demo, or the demo with more",
        _demo,
        (("--vehicles", {"dest": "FORECOURT_DEMO_VEHICLES", "metavar": "N", "help": "up to ten million"}),),
        {"FORECOURT_DEMO": "1"},
    ),
    Subcommand("sandbox create", "copy the database into one to try things in", _sandbox, (_NAME,)),
    Subcommand(
        "import vehicles",
        "take a stock file (CSV or NDJSON) into the database",
        _import("vehicles"),
        (
            _FILE,
            ("--mapping", {"default": "default", "metavar": "NAME", "help": "a stored column mapping"}),
            ("--rejects", {"type": Path, "metavar": "FILE", "help": "where to write the rejected rows"}),
        ),
    ),
    Subcommand(
        "import places",
        "take a postcode table into the database",
        _import("places"),
        (_FILE, ("--country", {"metavar": "XX", "help": "of a table without such a column"})),
    ),
    Subcommand(
        "index verify",
        "hold the stock index, and the file that nodes keep of it, against the database",
        _index("verify"),
    ),
    Subcommand("index rebuild", "have every serving node load its stock index anew", _index("rebuild")),
    Subcommand(
        "bench",
        "run the benchmarks, or those of some questions; search, which stands by itself, takes options: search --help",
        _bench,
        (
            (
                "words",
                {"nargs": argparse.REMAINDER, "metavar": "QUESTION", "help": "such as store, or search --peers …"},
            ),
        ),
        {"FORECOURT_SECRET_KEY": "benchmarks serve nobody but themselves and sign with this text"},
    ),
    Subcommand("openapi", "print the OpenAPI document", _openapi),
    Subcommand(
        "user create",
        "make a user, such as the first administrator",
        _create_user,
        (("--role", {"required": True, "metavar": "ROLE"}), ("--email", {"required": True, "metavar": "ADDRESS"})),
    ),
)


def parser() -> argparse.ArgumentParser:
    """Parser of all subcommands; those of two words hang below their first one."""
    top = argparse.ArgumentParser(prog="forecourt", description="Automotive portal platform.")
    branches = {"": top.add_subparsers(required=True, metavar="COMMAND")}
    for subcommand in SUBCOMMANDS:
        group, _, word = subcommand.words.rpartition(" ")
        if group not in branches:
            branch = branches[""].add_parser(group, help=f"see: forecourt {group} --help")
            branches[group] = branch.add_subparsers(required=True, metavar="COMMAND")
        leaf = branches[group].add_parser(word, help=subcommand.help, description=subcommand.help)
        for name, options in subcommand.arguments:
            leaf.add_argument(name, **options)  # type: ignore[arg-type]
        leaf.set_defaults(run=subcommand.run, environ=subcommand.environ)
    return top


def main(words: list[str] | None = None) -> int:
    """Runs one command. Exit codes: 0 done, 1 the command failed, 2 wrong words or settings."""
    arguments = parser().parse_args(words)
    try:
        said = {name: value for name, value in vars(arguments).items() if name.startswith(PREFIX) and value is not None}
        settings = load({**os.environ, **arguments.environ, **said})
    except OperatorError as problem:
        print(f"forecourt: {problem}", file=sys.stderr)
        return 2
    try:
        return arguments.run(settings, arguments) or 0
    except OperatorError as problem:
        print(f"forecourt: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
