"""The private stream's tokens, time tokens and memory."""

import json

from hypothesis import given
from hypothesis import strategies as st

from src.backtest.simulated_exchange import UserId
from src.core.domain.time import Millis
from src.twin.private_stream import PrivateStream, news, poll_answer, time_token

USER, OTHER = UserId(1), UserId(2)


def test_the_channel_stays_and_the_token_changes():
    stream = PrivateStream()
    first, second = (stream.subscribe(USER, Millis(1_000), 50) for _ in range(2))
    assert first["pubnub_channel"] == second["pubnub_channel"]
    assert first["pubnub_token"] != second["pubnub_token"]
    assert stream.subscribe(OTHER, Millis(1_000), 50)["pubnub_channel"] != first["pubnub_channel"]


def test_a_token_opens_its_own_channel_until_it_expires():
    stream = PrivateStream()
    own, other = (stream.subscribe(user, Millis(1_000), 50) for user in (USER, OTHER))
    assert stream.denial(own["pubnub_channel"], own["pubnub_token"], Millis(1_049)) is None
    for channel, token, at, said in (
        (own["pubnub_channel"], own["pubnub_token"], 1_050, "Token is expired."),
        (other["pubnub_channel"], own["pubnub_token"], 1_000, "Forbidden"),
        (own["pubnub_channel"], "", 1_000, "Forbidden"),
    ):
        denied = stream.denial(channel, token, Millis(at))
        assert denied is not None
        assert denied.status == 403
        assert json.loads(denied.body)["message"] == said


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 60))
def test_a_resumed_poll_gets_what_came_after_its_time_token_each_once_and_in_order(steps, read):
    stream, now = PrivateStream(), 1_000
    seen: list[int] = []
    after = time_token(stream.channel(USER), Millis(now))
    for number, step in enumerate(steps):
        now += step
        stream.publish(USER, {"n": number}, Millis(now))
        if number == read:
            got = news(stream.channel(USER), after)
            seen += [message["n"] for _, message in got]
            after = got[-1][0]
    seen += [message["n"] for _, message in news(stream.channel(USER), after)]
    assert seen == list(range(len(steps)))


def test_only_the_newest_hundred_messages_are_kept():
    stream = PrivateStream()
    for number in range(150):
        stream.publish(USER, {"n": number}, Millis(1_000))
    assert [m["n"] for _, m in news(stream.channel(USER), 1)] == list(range(50, 150))


def test_an_answer_has_the_envelope_pubnub_clients_read():
    body = json.loads(poll_answer("c", 17, [(16, {"method": "x", "params": []})]).body)
    assert body["t"] == {"t": "17", "r": 12}
    assert body["m"][0]["d"] == {"method": "x", "params": []}
    assert set(body["m"][0]) == {"a", "f", "p", "k", "c", "d"}


def test_channels_and_time_tokens_outlive_a_restart():
    stream, again = PrivateStream(), PrivateStream()
    stream.publish(USER, {}, Millis(5_000))
    again.load(json.loads(json.dumps(stream.dump())))
    assert again.channel(USER).name == stream.channel(USER).name
    assert time_token(again.channel(USER), Millis(1)) == stream.channel(USER).latest
