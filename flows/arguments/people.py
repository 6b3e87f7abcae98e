"""Arguments of the commands about what people see in Prefect: automations."""

from __future__ import annotations

from leadline.flows.arguments.common import AddParser, add_json, command


def _automations(add_parser: AddParser) -> None:
    parser = command(
        add_parser,
        "automations",
        "Put the automations in place that restart a stream and tell of stale books and spent budgets.",
        "leadline automations",
        "leadline automations --notify slack-webhook/ops     (a notification block, made in the UI)",
        "leadline automations --remove",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--notify", metavar="TYPE/NAME", help="a notification block that gets the word as well"
    )
    what.add_argument("--remove", action="store_true", help="take them away")
    add_json(parser)


COMMANDS = (_automations,)
