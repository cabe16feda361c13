"""Frames of the public stream."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.twin.frames import Frame, Kind, connected, open_packet, read_frame, room_message


def test_the_open_packet_is_as_it_was_recorded():
    assert open_packet("s", 25_000, 20_000) == (
        '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
    )
    assert connected("s") == '40{"sid":"s"}'


def test_a_room_message_wraps_its_data():
    frame = room_message("ticker_btc_jpy", {"last": "1"})
    assert frame.startswith("42")
    assert json.loads(frame[2:]) == ["message", {"room_name": "ticker_btc_jpy", "message": {"data": {"last": "1"}}}]


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("40", Frame(Kind.CONNECT)),
        ('40{"token":"x"}', Frame(Kind.CONNECT)),
        ("2", Frame(Kind.PING)),
        ("3", Frame(Kind.PONG)),
        ("41", Frame(Kind.CLOSE)),
        ("1", Frame(Kind.CLOSE)),
        ('42["join-room","depth_diff_btc_jpy"]', Frame(Kind.JOIN, "depth_diff_btc_jpy")),
        ('420["join-room","x"]', Frame(Kind.JOIN, "x")),
        ('42["leave-room","x"]', Frame(Kind.LEAVE, "x")),
        ('42["join-room",5]', Frame(Kind.OTHER)),
        ('42["dance"]', Frame(Kind.OTHER)),
        ("42[", Frame(Kind.BROKEN)),
        ("42{}", Frame(Kind.BROKEN)),
        ("", Frame(Kind.BROKEN)),
        ("hello", Frame(Kind.BROKEN)),
        ("40/other,", Frame(Kind.BROKEN)),
        ("42" + "[" * 100_000, Frame(Kind.BROKEN)),
    ],
)
def test_a_frame_means_what_socket_io_says(text, frame):
    assert read_frame(text) == frame


@given(st.text(max_size=80))
def test_any_text_is_a_frame_of_some_kind(text):
    assert isinstance(read_frame(text).kind, Kind)
