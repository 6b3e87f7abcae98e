"""The cutter against the library: the same bytes, cut anywhere, give the same messages and events."""

from __future__ import annotations

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, State
from websockets.uri import parse_uri

from leadline.tasks.net.cutter import FrameCutter

LIMIT = 100_000
HEADERS = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def library() -> ClientProtocol:
    """The library's client after its handshake."""
    return ClientProtocol(parse_uri("ws://venue/"), state=OPEN, max_size=LIMIT)


def whole(opcode: Opcode, data: bytes, *, fin: bool = True, mask: bool = False) -> bytes:
    return bytes(Frame(opcode, data, fin).serialize(mask=mask))


def heard(protocol: ClientProtocol) -> list[tuple[Opcode, bytes]]:
    return [(event.opcode, bytes(event.data)) for event in protocol.events_received()]


def run(pieces: list[bytes]) -> tuple[list[bytes], list[tuple[Opcode, bytes]], ClientProtocol]:
    """Take pieces as `Wire` does; return cut messages, what the library said, and the library."""
    cutter, protocol = FrameCutter(LIMIT), library()
    messages: list[bytes] = []
    events: list[tuple[Opcode, bytes]] = []
    cutter.feed(HEADERS)
    assert cutter.cut(messages) == HEADERS
    assert cutter.cut(messages) == b""
    for piece in pieces:
        cutter.feed(piece)
        while rest := cutter.cut(messages):
            protocol.receive_data(rest)
            events += heard(protocol)
            if protocol.state is not State.OPEN:
                cutter.stop()
    return messages, events, protocol


TEXTS = st.sampled_from([0, 1, 125, 126, 127, 300, 65_535, 65_536, 70_000]).map(lambda n: b"x" * n)
FRAMES = st.one_of(
    st.tuples(st.sampled_from([Opcode.TEXT, Opcode.TEXT, Opcode.BINARY]), TEXTS),
    st.tuples(st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125)),
)


@given(frames=st.lists(FRAMES, max_size=8), data=st.data())
def test_cut_anywhere_it_says_what_the_library_says(
    frames: list[tuple[Opcode, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(whole(opcode, payload) for opcode, payload in frames)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6), label="cuts"))
    event(f"{len(cuts)} cuts")
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    messages, events, protocol = run(pieces)
    alone = library()
    alone.receive_data(stream)
    said = heard(alone)
    data_opcodes = {Opcode.TEXT, Opcode.BINARY}
    assert messages == [payload for opcode, payload in said if opcode in data_opcodes]
    assert events == [one for one in said if one[0] not in data_opcodes]
    assert len(protocol.data_to_send()) == len(alone.data_to_send()), "a pong for every ping"


@pytest.mark.parametrize(
    ("strange", "events"),
    [
        pytest.param(
            whole(Opcode.TEXT, b"one ", fin=False) + whole(Opcode.CONT, b"two"),
            [(Opcode.TEXT, b"one "), (Opcode.CONT, b"two"), (Opcode.TEXT, b"after")],
            id="fragments",
        ),
        pytest.param(bytes([0xC1, 1]) + b"x", [], id="reserved-bit"),
        pytest.param(whole(Opcode.TEXT, b"x", mask=True), [], id="masked"),
        pytest.param(bytes([0x81, 127]) + (LIMIT + 1).to_bytes(8, "big"), [], id="too-large"),
        pytest.param(bytes([0x83, 0]), [], id="unknown-opcode"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "byte-by-byte"])
def test_what_is_strange_goes_to_the_library(
    strange: bytes, events: list[tuple[Opcode, bytes]], *, at_once: bool
) -> None:
    stream = whole(Opcode.TEXT, b"before") + strange + whole(Opcode.TEXT, b"after")
    pieces = [stream] if at_once else [stream[n : n + 1] for n in range(len(stream))]
    messages, said, protocol = run(pieces)
    assert messages == [b"before"]
    data = [one for one in said if one[0] is not Opcode.CLOSE]
    assert data == events
    assert (protocol.state is State.OPEN) == bool(events), "the library fails what is not allowed"


def test_nothing_is_cut_after_a_close() -> None:
    closing = Frame(Opcode.CLOSE, (1001).to_bytes(2, "big") + b"bye")
    stream = whole(Opcode.TEXT, b"before") + bytes(closing.serialize(mask=False))
    messages, _, protocol = run([stream + whole(Opcode.TEXT, b"after")])
    assert messages == [b"before"]
    assert protocol.close_rcvd is not None
    assert protocol.close_rcvd.reason == "bye"


def test_headers_come_first_however_they_are_cut() -> None:
    cutter = FrameCutter(LIMIT)
    messages: list[bytes] = []
    given_on = b""
    stream = HEADERS + whole(Opcode.TEXT, b"first")
    for n in range(len(stream)):
        cutter.feed(stream[n : n + 1])
        given_on += cutter.cut(messages)
    assert given_on == HEADERS
    assert messages == [b"first"]


def test_headers_without_end_are_not_kept_for_ever() -> None:
    cutter = FrameCutter(LIMIT)
    cutter.feed(b"x" * 70_000)
    assert len(cutter.cut([])) == 70_000
