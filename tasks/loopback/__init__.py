"""
A venue on this machine: a venue's protocol on real sockets, a market that moves, faults on command.

    async with LoopbackVenue(Options(symbols=["BTCUSDT"], seed=7)) as venue:
        ...  # venue.ws_url, venue.rest_url, venue.inject(Fault("drop", "BTCUSDT")), venue.truth("BTCUSDT")

`run_in_thread` gives the same to code without an event loop; ``python -m leadline.tasks.loopback`` is a
program.
"""

from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.truth import Truth
from leadline.tasks.loopback.threaded import ThreadedVenue, run_in_thread
from leadline.tasks.loopback.venue import LoopbackVenue

__all__ = ["Fault", "FaultKind", "LoopbackVenue", "Options", "ThreadedVenue", "Truth", "run_in_thread"]
