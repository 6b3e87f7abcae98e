"""Mistakes about text from elsewhere: what a page or a terminal takes for more than text."""

from __future__ import annotations

from tests.mutants.variant import Variant

MARKDOWN = ("tests/flows/render/test_markdown.py",)
VISIBLE = ("tests/flows/render/test_visible.py",)
CONSOLE = ("tests/flows/terminal/test_console.py",)
PAGES = ("tests/flows/prefect_ui/test_pages.py",)

VARIANTS = (
    Variant(
        "a model's brackets are a link",
        "flows/render/markdown.py",
        r"""_INLINE = re.compile(r"[\\`*_\[\]<>|~&$]")""",
        r"""_INLINE = re.compile(r"[\\`*_<>|~&$]")""",
        MARKDOWN,
    ),
    Variant(
        "a bare address is a link",
        "flows/render/markdown.py",
        "_ADDRESS.sub(JOINER, line)",
        "line",
        MARKDOWN,
    ),
    Variant(
        "a text that begins like a list is one",
        "flows/render/markdown.py",
        r"""_START.sub(r"\1\\\2", """,
        "(",
        MARKDOWN,
    ),
    Variant(
        "the store's words reach a page as they are",
        "flows/prefect_ui/pages.py",
        "markdown.plain(writer.last_error)",
        "writer.last_error",
        PAGES,
    ),
    Variant(
        "C1 reaches a terminal",
        "flows/render/visible.py",
        r"\x7f-\x9f",
        r"\x7f",
        VISIBLE,
    ),
    Variant(
        "rich sends a text's commands on",
        "flows/terminal/screen.py",
        "Segment(visible(segment.text), segment.style)",
        "segment",
        CONSOLE,
    ),
    Variant(
        "csv on a terminal is sent as it is",
        "flows/terminal/console.py",
        "is_data and not sys.stdout.isatty()",
        "is_data",
        CONSOLE,
    ),
    Variant(
        "csv in a file is changed",
        "flows/terminal/console.py",
        "is_data and not sys.stdout.isatty()",
        "False",
        CONSOLE,
    ),
    Variant(
        "a carriage return breaks a row of csv",
        "flows/render/tables.py",
        r'''CSV_END = "\r\n"''',
        r'''CSV_END = ""''',
        CONSOLE,
    ),
    Variant(
        "log lines are written as they came",
        "flows/config/logs.py",
        "return visible(super().format(record))",
        "return super().format(record)",
        CONSOLE,
    ),
)
