"""
Settings of a flow run: as for a command, plus Prefect Variables and the run's parameters.

    defaults < leadline.toml < Variables leadline_<key> < LEADLINE_<KEY> of the worker < parameters

A Variable does not change what a machine's environment sets. A parameter of the run always wins.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from leadline.flows.config.settings import SETTINGS, Settings, load

log = logging.getLogger("leadline.settings")

PREFIX = "leadline_"
TIMEOUT_S = 5.0  # a run does not wait longer for what it can do without
MOST = 200  # Variables to read


def settings_of_run(given: Mapping[str, object]) -> Settings:
    """
    Put the settings of this run together; ``given`` are its parameters, None for those left empty.

    Raises `BadSetting` with the layer that holds the wrong value.
    """
    return load(given, variables=variables() or {}, origin="flow parameter")


def settings_now(given: Mapping[str, object]) -> Settings | None:
    """Put them together anew; None while Prefect cannot be asked. Raises `BadSetting`."""
    found = variables()
    return None if found is None else load(given, variables=found, origin="flow parameter")


def variables() -> dict[str, object] | None:
    """Return the Variables that are settings, by key; None where the API does not answer."""
    quick: dict[Any, Any] = {PREFECT_CLIENT_MAX_RETRIES: 1, PREFECT_API_REQUEST_TIMEOUT: TIMEOUT_S}
    try:
        with temporary_settings(quick), get_client(sync_client=True) as client:
            found = client.read_variables(limit=MOST)
    except Exception as exc:  # noqa: BLE001 - whatever keeps them from us, the run can do without
        log.warning("Prefect Variables could not be read: %s %s", type(exc).__name__, exc)
        return None
    named = {each.name.removeprefix(PREFIX): each.value for each in found if each.name.startswith(PREFIX)}
    return {key: value for key, value in named.items() if key in SETTINGS}
