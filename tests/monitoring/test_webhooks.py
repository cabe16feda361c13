"""Where notices go is read from the environment, and a mistake there is told without telling the address."""

import pytest

from src.core.domain.notices import Tier
from src.core.exceptions import ConfigError
from src.monitoring.webhooks import Webhooks, webhooks

COMMON = "https://discord.com/api/webhooks/1/canary-common"
OWN = "https://discord.com/api/webhooks/2/canary-own"


def test_one_address_serves_all_tiers_and_a_tiers_own_goes_before_it():
    assert webhooks({"DISCORD_WEBHOOK_URL": COMMON}) == Webhooks(COMMON, COMMON, COMMON)
    found = webhooks({"DISCORD_WEBHOOK_URL": COMMON, "DISCORD_WEBHOOK_CRITICAL": OWN})
    assert [found.of(tier) for tier in Tier] == [COMMON, COMMON, OWN]


def test_what_is_critical_goes_to_any_address_there_is():
    assert webhooks({"DISCORD_WEBHOOK_INFO": OWN}) == Webhooks(OWN, "", OWN)
    assert webhooks({"DISCORD_WEBHOOK_WARNING": COMMON, "DISCORD_WEBHOOK_INFO": OWN}).critical == COMMON


def test_no_address_at_all_is_allowed():
    assert webhooks({}) == webhooks({"DISCORD_WEBHOOK_URL": " \n"}) == Webhooks()


def test_a_line_break_that_a_secret_store_adds_is_taken_off():
    assert webhooks({"DISCORD_WEBHOOK_URL": f"{COMMON}\n"}).info == COMMON


@pytest.mark.parametrize(
    "given",
    [
        "canary-4711",
        "http://discord.com/api/webhooks/1/canary-4711",
        "https:///canary-4711",
        "ftp://127.0.0.1/canary-4711",
        "https://discord.com/canary 4711",
        "https://[::1/canary-4711",
        "https://discord.com/canary-4711/日本",
    ],
)
def test_what_is_no_address_is_refused_by_the_name_of_its_variable_alone(given):
    with pytest.raises(ConfigError, match="DISCORD_WEBHOOK_WARNING") as caught:
        webhooks({"DISCORD_WEBHOOK_WARNING": given})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:1"])
def test_on_this_machine_plain_http_will_do(host):
    assert webhooks({"DISCORD_WEBHOOK_URL": f"http://{host}/hook"}).info
