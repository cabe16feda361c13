"""The 46 kinds of faults a client must survive, each ready to be armed by its number."""

from typing import Any, Final, NamedTuple

from src.core.domain.time import DAY

ORDER: Final = "POST /v1/user/spot/order"
CANCEL: Final = "POST /v1/user/spot/cancel_order"
ACTIVE: Final = "GET /v1/user/spot/active_orders"
INFO: Final = "POST /v1/user/spot/orders_info"
POSITIONS: Final = "GET /v1/user/margin/positions"
PRIVATE: Final = "* /v1/*"
CANDLES: Final = "GET /*/candlestick/*"
TICKER: Final = "GET /*/ticker"
LAST_BAR: Final = "data.candlestick.0.ohlcv.-1"

Template = dict[str, Any]


class Entry(NamedTuple):
    """A kind of fault and its variants; the first is meant when none is named."""

    title: str
    variants: dict[str, tuple[Template, ...]]


def _call(match: str, *, times: int = 1, lasts: int | None = None, **action: Any) -> Template:
    return {"where": "call", "match": match, "times": times, "lasts": lasts, "action": action}


def _room(match: str, do: str, **more: Any) -> Template:
    return {"where": "room", "match": match, "action": {"do": do, **more}}


def _message(do: str) -> Template:
    return {"where": "message", "match": "*", "action": {"do": do}}


def _act(*acts: Template, after: int = 0, times: int = 1, lasts: int | None = None) -> Template:
    return {"where": "time", "after": after, "times": times, "lasts": lasts, "action": {"do": "act", "acts": acts}}


def _act_before(match: str, *acts: Template) -> Template:
    return {"where": "call", "match": match, "action": {"do": "act", "acts": acts}}


def _answer(match: str, *, times: int = 1, lasts: int | None = None, **more: Any) -> Template:
    return _call(match, times=times, lasts=lasts, do="answer", **more)


def _refusals(match: str, *codes: int, times: int = 1) -> dict[str, tuple[Template, ...]]:
    return {str(code): (_answer(match, times=times, code=code),) for code in codes}


def _flag(name: str) -> Template:
    return _act_before(ORDER, {"act": "flags", "flags": {name: True}})


_MOVE: Final = {"act": "trade", "amount": "0.0001"}

CATALOGUE: Final[dict[int, Entry]] = {
    1: Entry("order accepted, reply never sent", {"silence": (_call(ORDER, do="silence"),)}),
    2: Entry("order accepted, connection reset", {"reset": (_call(ORDER, do="reset"),)}),
    3: Entry(
        "order accepted, a gateway's page of HTML",
        {name: (_answer(ORDER, status=int(name), processed=True),) for name in ("502", "504")},
    ),
    4: Entry("order accepted, 500 with 70001", {"500": (_answer(ORDER, status=500, code=70001, processed=True),)}),
    5: Entry("order not accepted, 503", {"503": (_answer(ORDER, status=503),)}),
    6: Entry("order accepted seconds later", {"late": (_call(ORDER, do="delay", ms=5_000, before=True),)}),
    7: Entry(
        "engine timeout 10005",
        {
            "created": (_answer(ORDER, code=10005, processed=True),),
            "not_created": (_answer(ORDER, code=10005),),
        },
    ),
    8: Entry(
        "rate limit",
        {
            "json": (_answer(PRIVATE, status=429, code=10009),),
            "html_429": (_answer(PRIVATE, status=429),),
            "html_409": (_answer(PRIVATE, status=409),),
            "burst": (_answer(PRIVATE, status=429, code=10009, times=0, lasts=30_000),),
        },
    ),
    9: Entry(
        "200 with a broken body; name another call with `match`",
        {
            "truncated": (_call(ORDER, do="truncate", keep=20),),
            "empty": (_answer(ORDER, body="", processed=True),),
            "html": (_answer(ORDER, processed=True),),
            "no_data": (_call(ORDER, do="edit", drop=("data",)),),
        },
    ),
    10: Entry(
        "Content-Length larger than the body", {"short": (_call(ORDER, do="truncate", keep=20, announce_all=True),)}
    ),
    11: Entry(
        "slow answers",
        {"slow": (_call(PRIVATE, do="delay", ms=4_000),), "hang": (_call(PRIVATE, do="silence"),)},
    ),
    12: Entry(
        "the server's clock is wrong",
        {
            "ahead": (_act({"act": "clock", "ms": 2_000}),),
            "behind": (_act({"act": "clock", "ms": -6_000}),),
            "step": (_act({"act": "clock", "ms": 8_000}),),
            "drift": (_act({"act": "clock", "ms": 10}, times=0, lasts=60_000),),
        },
    ),
    13: Entry("a lost race of nonces: 20001", {"20001": (_answer("* /v1/user/*", code=20001),)}),
    14: Entry(
        "key revoked or margin permission lost",
        {
            "revoked": (_act({"act": "revoke", "user": "{user}"}),),
            "margin": (_act({"act": "margin", "user": "{user}", "enabled": False}),),
            **_refusals(ORDER, 20001, 50078, times=0),
        },
    ),
    15: Entry("maintenance", {"10007": (_answer(PRIVATE, code=10007, times=0, lasts=1_800_000),)}),
    16: Entry(
        "busy",
        {
            **_refusals(ORDER, 10008, 70011),
            "minimum": (_act({"act": "status", "status": "BUSY", "min_lots": 100}),),
        },
    ),
    17: Entry(
        "cancels or protective stops suspended for a while",
        {
            **_refusals(CANCEL, 70004, 70013, 70018, times=3),
            **{f"order_{code}": (_answer(ORDER, code=code, times=3),) for code in (70004, 70013, 70018)},
        },
    ),
    18: Entry(
        "a restriction set between a read and the order",
        {
            name: (_flag(name),)
            for name in (
                "stop_order",
                "stop_market_order",
                "stop_stop_order",
                "stop_stop_limit_order",
                "stop_margin_long_order",
                "stop_margin_short_order",
                "stop_buy_order",
                "stop_sell_order",
                "stop_order_and_cancel",
            )
        },
    ),
    19: Entry(
        "circuit breaker and fee type",
        {
            "cycle": (
                _act({"act": "mode", "mode": "CIRCUIT_BREAK", "fee_type": "SELL_MAKER", "reopen_in": 20_000}),
                _act({"act": "mode", "mode": "RESUMPTION", "fee_type": "SELL_MAKER"}, after=10_000),
                _act({"act": "mode", "mode": "NONE"}, after=20_000),
            ),
            "break": (_act({"act": "mode", "mode": "CIRCUIT_BREAK", "fee_type": "BUY_MAKER"}),),
        },
    ),
    20: Entry(
        "partial fills",
        {
            "part": (_act_before(ACTIVE, {"act": "fill", "user": "{user}", "pieces": 1}),),
            "tiny": (_act_before(ACTIVE, {"act": "fill", "user": "{user}", "pieces": 10}),),
        },
    ),
    21: Entry(
        "a fill wins against a cancel",
        {
            "full": (_act_before(CANCEL, {"act": "fill", "user": "{user}", "all": True}),),
            "part": (_act_before(CANCEL, {"act": "fill", "user": "{user}", "pieces": 1}),),
        },
    ),
    22: Entry(
        "a cancel in progress, then either outcome",
        {
            "canceled": (_answer(CANCEL, code=70019, processed=True),),
            "not_canceled": (_answer(CANCEL, code=70019),),
        },
    ),
    23: Entry(
        "post_only cancelled again and again",
        {
            "cross": (
                {
                    **_act_before(ORDER, {"act": "cross", "pair": "$pair", "side": "$side", "price": "$price"}),
                    "times": 3,
                },
            )
        },
    ),
    24: Entry(
        "market order REJECTED by a thin book", {"sweep": (_act_before(ORDER, {"act": "sweep", "side": "$side"}),)}
    ),
    25: Entry(
        "a stop triggers over a gap",
        {"down": (_act({**_MOVE, "move_ppm": -50_000}),), "up": (_act({**_MOVE, "move_ppm": 50_000}),)},
    ),
    26: Entry(
        "a stop cancelled by the system, and too late to replace",
        {
            "down": (_act({"act": "invalidate", "user": "{user}"}, {**_MOVE, "move_ppm": -50_000}),),
            "up": (_act({"act": "invalidate", "user": "{user}"}, {**_MOVE, "move_ppm": 50_000}),),
        },
    ),
    27: Entry("50062 from a late position ledger", {"50062": (_answer(ORDER, code=50062),)}),
    28: Entry("positions read late", {"stale": (_call(POSITIONS, times=3, do="stale"),)}),
    29: Entry("no capacity, or too many orders", _refusals(ORDER, 50061, 50059, 50060, 60011)),
    30: Entry(
        "lists that lag",
        {
            "hidden": (_call(ACTIVE, times=0, lasts=3_000, do="hide", list="data.orders"),),
            "dropped": (_call(INFO, do="edit", drop=("data.orders.0",)),),
        },
    ),
    31: Entry(
        "candle files",
        {
            "stale": (_call(CANDLES, times=5, do="stale"),),
            "missing_bar": (_call(CANDLES, do="edit", drop=("data.candlestick.0.ohlcv.-2",)),),
            "duplicate": (_call(CANDLES, do="edit", duplicate=(LAST_BAR,)),),
            "zero": (_call(CANDLES, do="edit", set={f"{LAST_BAR}.{i}": "0" for i in range(5)}),),
            "midnight": (_answer(CANDLES, code=10000),),
            "revised": (_call(CANDLES, do="edit", set={f"{LAST_BAR}.4": "123.4567"}),),
        },
    ),
    32: Entry(
        "bad prints and nulls in tickers",
        {
            "spike": (_call(TICKER, do="edit", set={"data.last": "1"}),),
            "null": (_call(TICKER, do="edit", set={f"data.{name}": None for name in ("sell", "buy", "last")}),),
            "stream_spike": (_room("ticker_*", "edit", set={"last": "1"}),),
        },
    ),
    33: Entry(
        "the public stream's connection",
        {
            "disconnect": (_room("*", "disconnect"),),
            "half_open": (_room("*", "half_open"),),
            "join_lost": ({"where": "join", "match": "*", "action": {"do": "lose"}},),
            "burst": (_room("*", "pause", ms=5_000),),
        },
    ),
    34: Entry(
        "book messages",
        {
            "lost": (_room("depth_diff_*", "lose"),),
            "duplicated": (_room("depth_diff_*", "duplicate"),),
            "reordered": (_room("depth_diff_*", "swap"),),
            "whole_late": (_room("depth_whole_*", "swap"),),
            "whole_old": (_room("depth_whole_*", "edit", set={"sequenceId": "1"}),),
        },
    ),
    35: Entry("the sequence jumps to more digits", {"jump": (_act({"act": "sequence", "by": 10**12}),)}),
    36: Entry(
        "the private stream",
        {
            "expired": (_act({"act": "expire_tokens", "user": "{user}"}),),
            "5xx": ({"where": "poll", "match": "*", "action": {"do": "answer", "status": 503}},),
            "empty": ({"where": "poll", "match": "*", "action": {"do": "lose"}},),
            "duplicated": (_message("duplicate"),),
            "reordered": (_message("swap"),),
            "lost": (_message("lose"),),
            "before_reply": (_call(ORDER, do="delay", ms=1_000),),
        },
    ),
    37: Entry(
        "other names in private messages", {"docs": (_act({"act": "switches", "switches": {"key_style": "docs"}}),)}
    ),
    38: Entry("resting orders invalidated", {"invalidate": (_act({"act": "invalidate", "user": "{user}"}),)}),
    39: Entry(
        "things unknown",
        {
            "field": (_call(PRIVATE, do="edit", set={"data.brand_new": {"deep": [1]}}),),
            "status": (_call("GET /v1/user/spot/order", do="edit", set={"data.status": "FROZEN"}),),
            "code": (_answer(ORDER, code=79_999),),
            "method": (_act({"act": "publish", "user": "{user}", "message": {"method": "brand_new", "params": [{}]}}),),
        },
    ),
    40: Entry(
        "margin call and its cure",
        {
            "down": (_act({**_MOVE, "move_ppm": -300_000}),),
            "up": (_act({**_MOVE, "move_ppm": 300_000}),),
            "cure": (_act({"act": "deposit", "user": "{user}", "asset": "jpy", "amount": "10000000"}),),
        },
    ),
    41: Entry(
        "interest, ratio and fees change under a position",
        {
            "rollover": (_act({"act": "skip", "ms": DAY}),),
            "fees": (_act({"act": "fees", "fees": {"close_taker_ppm": 1_200, "taker_ppm": 1_200}}),),
            "ratio": (
                _act(
                    {"act": "next_margin", "terms": {"individual_ratio_ppm": 600_000}}, {"act": "skip", "ms": 7 * DAY}
                ),
            ),
        },
    ),
    42: Entry(
        "someone else acts on the account",
        {
            "order": (
                _act(
                    {
                        "act": "order",
                        "user": "{user}",
                        "order": {
                            "pair": "btc_jpy",
                            "side": "buy",
                            "type": "limit",
                            "amount": "0.0002",
                            "price": "1000000",
                            "position_side": "long",
                        },
                    }
                ),
            ),
            "cancel": (_act({"act": "cancel", "user": "{user}"}),),
        },
    ),
    43: Entry("a resting order expires after 180 days", {"expiry": (_act({"act": "skip", "ms": 180 * DAY}),)}),
    44: Entry(
        "time to kill the client around the order",
        {
            "before": (_call(ORDER, do="delay", ms=10_000, before=True),),
            "after": (_call(ORDER, do="silence"),),
        },
    ),
    45: Entry(
        "something in between that is not the exchange",
        {"proxy": (_answer("* *"),), "cut": (_call("* *", do="reset", processed=False),)},
    ),
    46: Entry("collateral in coins loses value", {"fall": (_act({**_MOVE, "move_ppm": -300_000}),)}),
}
