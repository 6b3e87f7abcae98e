"""
Write the pages of the reference from what the program declares: commands, settings, tables and views.

    python docs/reference.py           writes settings.md, commands.md, sql.md, commands/*.md and sql/*.md
    python docs/reference.py --check   writes nothing; exit code 1 and the names of pages that differ
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from leadline.flows.cli.program import GROUPS
from leadline.flows.commands.common.command import Command
from leadline.flows.config.settings import SETTINGS, Setting
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.queries.catalog import columns, tables
from leadline.storage.schema.baseline import AREAS, area_of
from leadline.storage.schema.migrate import migrate
from leadline.storage.schema.view_comments import VIEW_COMMENTS

DOCS = Path(__file__).parent
MADE = "<!-- Made by docs/reference.py. Change the declaration, then run it. -->"
SECTIONS = {  # the first setting of each
    "db": "Files and limits",
    "venue": "Venue and connections",
    "engine": "Books and streams",
    "snapshot_every_s": "Depth snapshots and Prefect pages",
    "llm_provider": "Models",
    "analyze_every_s": "Signals and scores",
    "shock_look_s": "Shocks",
    "keep_days": "Retention",
}
AREA_TITLES = {
    "market": "Market data",
    "trust": "Coverage and trust",
    "feed": "The feed itself",
    "signals": "Signals",
    "scores": "Scores",
    "spend": "Cost of model calls",
}
ROOMS = ("commands", "sql")  # folders that hold nothing else


def pages() -> dict[Path, str]:
    """Return every page of the reference by its path."""
    made = {DOCS / "settings.md": settings_page(), DOCS / "commands.md": overview_page()}
    for room, (title, commands) in GROUPS.items():
        made[DOCS / "commands" / f"{room}.md"] = commands_page(title, commands)
    things, macros = schema()
    made[DOCS / "sql.md"] = sql_overview_page(things, macros)
    for area in AREAS:
        made[DOCS / "sql" / f"{area}.md"] = sql_page(area, things)
    return made


def overview_page() -> str:
    """Return all commands, a line each."""
    lines = [
        "# Commands",
        MADE,
        "",
        "`leadline COMMAND --help` explains a command, with examples. Results go to stdout,",
        "messages to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.",
    ]
    for room, (title, commands) in GROUPS.items():
        lines += ["", f"## {title.capitalize()}", "", "| command | does |", "|---|---|"]
        lines += [
            f"| [`{each.name}`](commands/{room}.md#leadline-{each.name}) | {each.summary} |"
            for each in commands
        ]
    return "\n".join(lines) + "\n"


def commands_page(title: str, commands: tuple[Command, ...]) -> str:
    """Return the commands of one room, a section each."""
    lines = [f"# Commands: {title}", MADE]
    for each in commands:
        lines += ["", *_section(each)]
    return "\n".join(lines) + "\n"


def _section(command: Command) -> Iterator[str]:
    yield from (f"## leadline {command.name}", "", command.help, "", "| argument | meaning |", "|---|---|")
    for action in command.parser()._actions:  # noqa: SLF001 - argparse offers no other way to list them
        if action.dest != "help":
            meaning = (action.help or "") % vars(action)
            required = " Required." if action.option_strings and action.required else ""
            yield f"| `{_usage(action)}` | {meaning}{required} |"
    yield from ("", "```sh", *(_example(each) for each in command.examples), "```")


def _usage(action: argparse.Action) -> str:
    """Return how an argument is typed."""
    flag = " ".join(action.option_strings)
    if action.nargs == 0:
        return flag
    value = action.metavar or "{" + ",".join(map(str, action.choices or ())) + "}"
    value = " ".join(value) if isinstance(value, tuple) else value
    return f"{flag} {value}{' ...' if action.nargs == '+' else ''}".strip()


def _example(text: str) -> str:
    """Make the remark behind an example a comment."""
    line, gap, remark = text.partition("   ")
    return f"{line}   # {remark.strip().removeprefix('(').removesuffix(')')}" if gap else line


def settings_page() -> str:
    """Return all settings, a table for each section."""
    lines = [
        "# Settings",
        MADE,
        "",
        "A setting has one name in four places. `keep_days` in `leadline.toml` is `LEADLINE_KEEP_DAYS` in",
        "the environment and the Prefect Variable `leadline_keep_days`. Some commands take a flag: see",
        "[commands](commands.md). The later of these wins:",
        "",
        "1. the default",
        "2. `leadline.toml` in the working folder, or the file that `LEADLINE_CONFIG` names",
        "3. a Prefect Variable, for flow runs only",
        "4. the environment",
        "5. a flag of a command, a parameter of a flow run",
        "",
        "`leadline doctor` prints the values in force. A wrong value or name is an error with exit code 2.",
        "Empty text means the default where that is no value, such as *the venue's own*. A list is a TOML",
        "list, or text with commas.",
    ]
    for key, setting in SETTINGS.items():
        if key in SECTIONS:
            head = ("| setting | default | value | meaning |", "|---|---|---|---|")
            lines += ["", f"## {SECTIONS[key]}", "", *head]
        lines.append(_row(setting))
    return "\n".join(lines) + "\n"


def _row(setting: Setting) -> str:
    default = setting.in_words(setting.default)
    shown = f"*{default}*" if setting.none else f"`{default}`"
    return f"| `{setting.key}` | {shown} | {setting.kind.expected} | {setting.text} |"


@dataclass(frozen=True, slots=True)
class Thing:
    """A table or view of the store; each of its columns with its type and comment."""

    name: str
    kind: str
    area: str
    text: str
    columns: tuple[tuple[str, str, str], ...]


def schema() -> tuple[list[Thing], list[str]]:
    """Return the tables and views of a new store, and what its macros say of themselves."""
    with open_duckdb() as con:
        migrate(con, Path("new"))
        found = [row for row in tables(con).dicts() if row["name"] != "alembic_version"]
        things = [
            Thing(
                row["name"],
                row["kind"],
                _area(row["name"]),
                row["comment"],
                tuple(
                    (each["name"], each["type"], each["comment"])
                    for each in columns(con, row["name"]).dicts()
                ),
            )
            for row in found
        ]
        macros = con.execute(
            "SELECT DISTINCT comment FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
    return things, [text for (text,) in macros]


def _area(name: str) -> str:
    """Return the area of a table, or of the first table that explains a view."""
    areas = area_of()
    return areas[name] if name in areas else areas[VIEW_COMMENTS[name].of[0]]


def sql_overview_page(things: Sequence[Thing], macros: Sequence[str]) -> str:
    """Return all tables, views and macros, a line each."""
    lines = [
        "# SQL data dictionary",
        MADE,
        "",
        "Every table, view and column says in the database itself what it holds. The prompt of",
        "`leadline sql` shows it: `\\d` lists the tables and views, `\\d NAME` the columns of one.",
        "All times are UTC without a zone.",
    ]
    for area, title in AREA_TITLES.items():
        lines += ["", f"## {title}", "", "| name | kind | holds |", "|---|---|---|"]
        lines += [
            f"| [`{each.name}`](sql/{area}.md#{each.name}) | {each.kind} | {_cell(each.text)} |"
            for each in things
            if each.area == area
        ]
    lines += [
        "",
        "## Macros",
        "",
        *(f"- `{use}`:{text}" for use, _, text in (each.partition(":") for each in macros)),
    ]
    return "\n".join(lines) + "\n"


def sql_page(area: str, things: Sequence[Thing]) -> str:
    """Return the tables and views of one area, a section each."""
    lines = [f"# SQL: {AREA_TITLES[area].lower()}", MADE]
    for each in things:
        if each.area == area:
            lines += ["", f"## {each.name}", "", f"{each.kind.capitalize()}: {each.text}.", ""]
            lines += ["| column | type | holds |", "|---|---|---|"]
            lines += [f"| `{name}` | {kind} | {_cell(text)} |" for name, kind, text in each.columns]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    made = pages()
    old = {path for room in ROOMS for path in (DOCS / room).glob("*.md") if path not in made}
    wrong = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in [*wrong, *old]:
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")
    if check:
        return 1 if wrong or old else 0
    for room in ROOMS:
        (DOCS / room).mkdir(exist_ok=True)
    for path in wrong:
        path.write_text(made[path], "utf-8")
    for path in old:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
