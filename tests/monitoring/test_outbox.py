"""What waits: nothing critical is merged or lost, everything else is bounded, and counts add up."""

from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.notices import Notice, Tier, Topic
from src.core.domain.time import Millis
from src.monitoring.outbox import Outbox, Parcel
from src.monitoring.pace import BURST, STEADY, Pace

few = st.sampled_from([Topic.STREAM, Topic.REFUSED, Topic.NAKED])
steps = st.lists(
    st.tuples(st.sampled_from(["put", "put", "put", "send", "fail"]), st.sampled_from(Tier), few, st.floats(0, 30)),
    max_size=120,
)


def parcel(tier: Tier, topic: Topic, at: float) -> Parcel:
    stamp = Millis(int(at * 1_000))
    return Parcel(Notice(tier, topic, stamp, {"at": str(stamp)}), 1, stamp)


@given(steps=steps)
def test_every_notice_is_sent_or_counted_once_and_what_waits_is_bounded(steps):
    outbox, now, put, sent, critical = Outbox(merge_s=60), 0.0, 0, [], 0
    for what, tier, topic, passed in steps:
        now += passed
        if what == "put":
            outbox.put(parcel(tier, topic, now))
            put += 1
            critical += tier is Tier.CRITICAL
        else:
            taken = outbox.take(now, 4)
            if what == "send":
                sent += taken
            else:
                outbox.put_back(taken)
        waiting_critical = critical - sum(p.notice.tier is Tier.CRITICAL for p in sent)
        assert len(outbox) <= waiting_critical + 2 * 3
    while len(outbox):
        sent += outbox.take(now, 10, all_=True)
    assert sum(p.said for p in sent) == put
    told = [p.notice.at for p in sent if p.notice.tier is Tier.CRITICAL]
    assert len(told) == critical
    assert told == sorted(told)
    assert all(p.said == 1 for p in sent if p.notice.tier is Tier.CRITICAL)


def test_the_first_is_due_at_once_its_like_after_the_window_as_one_with_the_newest_values():
    outbox = Outbox(merge_s=60)
    assert outbox.due_in(0.0) is None
    outbox.put(parcel(Tier.WARNING, Topic.STREAM, 0))
    assert outbox.due_in(0.0) == 0
    assert [p.said for p in outbox.take(0.0, 10)] == [1]
    for second in range(1, 31):
        outbox.put(parcel(Tier.WARNING, Topic.STREAM, second))
    assert outbox.due_in(30.0) == 30
    assert outbox.take(59.9, 10) == []
    (merged,) = outbox.take(60.0, 10)
    assert (merged.said, merged.first, merged.notice.at) == (30, 1_000, 30_000)


def test_the_most_urgent_go_first():
    outbox = Outbox(merge_s=60)
    for tier in (Tier.INFO, Tier.WARNING, Tier.CRITICAL, Tier.CRITICAL):
        outbox.put(parcel(tier, Topic.DATA, 0))
    assert [p.notice.tier for p in outbox.take(0.0, 3)] == [Tier.CRITICAL, Tier.CRITICAL, Tier.WARNING]


@given(waits=st.lists(st.floats(0, 3), min_size=1, max_size=200))
def test_no_webhook_is_ever_used_faster_than_discord_allows(waits):
    pace, now, sent = Pace(), 0.0, []
    for wait in waits:
        now += wait
        now += pace.wait_s(now)
        pace.sent(now)
        sent.append(now)
    for count, span in (BURST, STEADY):
        for first, last in zip(sent, sent[count:], strict=False):
            assert last - first >= span - 1e-6


def test_a_pause_that_was_asked_for_is_kept():
    pace = Pace()
    pace.pause(10.0, 7.5)
    pace.pause(11.0, 1.0)
    assert pace.wait_s(12.0) == 5.5
    assert pace.wait_s(20.0) == 0
