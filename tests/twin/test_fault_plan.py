"""Fault plans: every number of the catalogue can be armed, and strikes when it should."""

import json

import pytest

from src.core.domain.time import Millis
from src.core.exceptions import ConfigError
from src.twin.acts import read_act
from src.twin.call_faults import filled
from src.twin.fault_catalogue import CATALOGUE
from src.twin.fault_plan import read_plan, read_rules
from src.twin.fault_rules import Act, Answer, FaultPlan

ORDER = "POST /v1/user/spot/order"
EVERY_VARIANT = [(number, variant) for number, entry in CATALOGUE.items() for variant in entry.variants]


def one(**fields):
    rule = {"where": "call", "match": ORDER, "action": {"do": "answer", "status": 503}, **fields}
    return read_rules({"faults": [rule]})


def strikes(rules, times, seed=0, what=ORDER):
    plan = FaultPlan(seed)
    plan.arm(rules, Millis(1_000))
    return [bool(plan.strike("call", what, Millis(at))) for at in times]


def test_the_catalogue_has_all_46_faults():
    assert sorted(CATALOGUE) == list(range(1, 47))


@pytest.mark.parametrize(("number", "variant"), EVERY_VARIANT)
def test_every_variant_becomes_rules_whose_acts_exist(number, variant):
    rules = read_rules({"faults": [{"fault": number, "variant": variant, "user": "someone"}]})
    assert rules
    body = json.dumps({"pair": "btc_jpy", "side": "buy", "price": "5"}).encode()
    for rule in rules:
        assert rule.fault == number
        if isinstance(rule.action, Act):
            for act in rule.action.acts:
                read = read_act(filled(act, body))
                assert getattr(read, "user", "someone") == "someone"


def test_a_rule_strikes_at_the_named_occurrences_and_then_no_more():
    assert strikes(one(calls=[2, 4], times=0), [1_000] * 5) == [False, True, False, True, False]
    assert strikes(one(), [1_000] * 3) == [True, False, False]
    assert strikes(one(times=2), [1_000] * 3) == [True, True, False]


def test_a_rule_strikes_only_in_its_time():
    assert strikes(one(after=10, lasts=5, times=0), [1_009, 1_010, 1_014, 1_015]) == [False, True, True, False]


def test_other_calls_are_not_hit():
    assert strikes(one(times=0), [1_000], what="GET /v1/user/spot/order") == [False]


def test_chances_repeat_with_the_seed_and_keep_their_share():
    rules = one(probability=0.3, times=0)
    first, again, other = (strikes(rules, [1_000] * 2_000, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert 500 < sum(first) < 700


def test_a_reference_may_replace_the_trigger():
    (rule,) = read_rules({"faults": [{"fault": 3, "variant": "504", "calls": [7], "match": "GET *", "times": 0}]})
    assert (rule.calls, rule.match, rule.times) == ((7,), "GET *", 0)
    assert isinstance(rule.action, Answer)
    assert rule.action.status == 504


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("faults:\n  - fault: 47\n", "no fault 47"),
        ("faults:\n  - fault: 3\n    variant: 503\n", "variant"),
        ("faults:\n  - fault: 3\n    variant: nope\n", "no variant 'nope'"),
        ("faults:\n  - where: call\n    action: {do: dance}\n", "dance"),
        ("faults:\n  - where: call\n    mach: x\n    action: {do: reset}\n", "mach"),
        ("fault: []\n", "list"),
        ("- 1\n", "mapping"),
        ("seed: x\nfaults: []\n", "seed"),
        ("faults: [", "cannot be read"),
    ],
)
def test_a_wrong_plan_says_what_is_wrong(tmp_path, text, said):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_plan(path)


def test_a_plan_is_read_from_a_file(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(
        "seed: 7\nfaults:\n  - fault: 1\n    calls: [3]\n  - where: time\n    after: 5\n"
        "    action: {do: act, acts: [{act: skip, ms: 1}]}\n"
    )
    plan = read_plan(path)
    assert plan.seed == 7
    assert [rule.where for rule in plan.rules] == ["call", "time"]
