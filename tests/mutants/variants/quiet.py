"""Mistakes about what does not come: quiet pairs, silent connections, addresses that refuse, bans."""

from __future__ import annotations

from tests.mutants.variant import Variant
from tests.mutants.variants.book import COMPILED, SYNC

QUIET = ("tests/tasks/feed/test_quiet.py",)
PROXIES = ("tests/tasks/net/test_proxies.py",)
REFUSALS = ("tests/tasks/feed/test_refusals.py",)

VARIANTS = (
    Variant(
        "ids that begin anew are noticed after a hundred diffs only",
        "book/sync/old_diffs.py",
        "        return self._later >= LATER_LIMIT or",
        "        return",
        SYNC,
    ),
    Variant(
        "one repeat with a strange time throws a book away",
        "book/sync/old_diffs.py",
        "LATER_LIMIT = 3\n",
        "LATER_LIMIT = 1\n",
        SYNC,
    ),
    Variant(
        "the compiled way forgets the time of the newest diff",
        "book/kernel/accept.py",
        "    state[LAST_EVENT_NS] = state[TS_EVENT]\n",
        "",
        COMPILED,
    ),
    Variant(
        "a quiet pair's seed may be older than what was held before",
        "book/sync/machine.py",
        "        self._least_id = self._held_id\n",
        "        self._least_id = -1\n",
        SYNC,
    ),
    Variant(
        "the first diff after a quiet pair's seed is taken unseen",
        "book/sync/machine.py",
        "        if join is Join.GAP:\n            return self._lose(diff, self",
        "        if join is Join.GAP and self.bridged:\n            return self._lose(diff, self",
        SYNC,
    ),
    Variant(
        "a quiet pair waits for its next diff",
        "tasks/feed/core.py",
        "line.sent_for_s(profile.stream(symbol, StreamKind.DEPTH)) >= config.seek_after_s",
        "line.sent_for_s(symbol) >= config.seek_after_s",
        QUIET,
    ),
    Variant(
        "a silent connection is dropped though it answers pings",
        "tasks/feed/requests/silences.py",
        "        if not why and liveness.last_ns == heard_ns:\n",
        '        if not (why := why or "for long"):\n',
        QUIET,
    ),
    Variant(
        "a connection that answers pings is kept though the market moves without it",
        "tasks/feed/requests/silences.py",
        "        if why and liveness.last_ns == heard_ns:\n",
        "        if not liveness.last_ns and why and liveness.last_ns == heard_ns + 1:\n",
        QUIET,
    ),
    Variant(
        "what a connection brought itself counts as what it did not bring",
        "tasks/feed/requests/silences.py",
        " or seen.heard_ns != liveness.last_ns:\n",
        ":\n",
        ("tests/tasks/feed/test_trade_path.py",),
    ),
    Variant(
        "seeds that never fit are asked for at full speed",
        "tasks/feed/requests/seeds.py",
        "        seat.unfit += 1\n",
        "        seat.unfit += 0\n",
        QUIET,
    ),
    Variant(
        "a ban is forgotten by a restart",
        "tasks/venues/common/rest.py",
        "            self._bans.note(self._who, wait_s, is_ban=is_ban)\n",
        "",
        REFUSALS,
    ),
    Variant(
        "an address that refuses is tried for a whole backoff",
        "tasks/feed/connections/approach.py",
        "            except (ConnectFailed, AccessRefused) as exc:\n",
        "            except () as exc:\n",
        REFUSALS,
    ),
    Variant(
        "a step of the wall clock ends a ban",
        "tasks/net/bans.py",
        "passed_ns = mono_ns - self.met_mono_ns if same_boot else",
        "passed_ns = mono_ns - self.met_mono_ns if not boot else",
        ("tests/tasks/net/test_bans.py",),
    ),
    Variant(
        "the password of a proxy is shown",
        "tasks/net/proxies.py",
        '        return f"{self.name}={self.scheme}://{self._where}"\n',
        '        return f"{self.name}={self.for_http}"\n',
        PROXIES,
    ),
    Variant(
        "no_proxy is not heeded",
        "tasks/net/proxies.py",
        '        if name in {"*", host} or host.endswith',
        '        if name in {"*"} or host.endswith',
        PROXIES,
    ),
    Variant(
        "libraries ask servers of this machine by way of the proxy",
        "tasks/net/proxies.py",
        '        exempt = [_value(environ, "no_proxy"), *THIS_MACHINE]\n',
        '        exempt = [_value(environ, "no_proxy")]\n',
        PROXIES,
    ),
)
