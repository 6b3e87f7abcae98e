"""How a command is declared, and the parser made from that."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leadline.book.errors import did_you_mean

WIDTH = 100


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that keeps the line breaks of descriptions and examples."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=WIDTH)


class CommandParser(argparse.ArgumentParser):
    """The parser of one command; a mistyped flag gets a suggestion."""

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse what follows the command's name; raises SystemExit(2) on wrong usage."""
        flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
        for argument in argv:
            flag = argument.partition("=")[0]
            if argument == "--":
                break
            if argument.startswith("--") and " " not in argument and flag not in flags:
                self.error(f"there is no flag {flag}{did_you_mean(flag, flags, prefix='--')}")
        return self.parse_args(argv)


@dataclass(frozen=True, slots=True)
class Command:
    """One command, without the code that runs it: that is ``run`` in the module of the same name."""

    module: str
    help: str  # a sentence, one line of the overview; then what --help adds to it
    examples: tuple[str, ...]
    hosts_prefect: bool  # its process ends without waiting for Prefect's threads
    add_arguments: Callable[[argparse.ArgumentParser], None]

    @property
    def name(self) -> str:
        """What a person types; ``import`` cannot be a module's name."""
        return self.module.rstrip("_")

    @property
    def summary(self) -> str:
        """The first line of its help."""
        return self.help.partition("\n")[0]

    def parser(self) -> CommandParser:
        """Return the parser of what follows the name."""
        parser = CommandParser(
            prog=f"leadline {self.name}",
            description=self.help,
            epilog="examples:\n" + "\n".join("  " + example for example in self.examples),
            formatter_class=Help,
            allow_abbrev=False,
        )
        self.add_arguments(parser)
        return parser


def command(
    *examples: str, hosts_prefect: bool = False
) -> Callable[[Callable[[argparse.ArgumentParser], None]], Command]:
    """Make a command of the function that adds its arguments, named and explained like that function."""
    return lambda add: Command(
        add.__name__, inspect.cleandoc(add.__doc__ or ""), examples, hosts_prefect, add
    )
