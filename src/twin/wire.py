"""The exchange's views as the JSON of bitbank: names of fields, texts for numbers, nothing else.

Money, prices and amounts are texts with the pair's digits; ids, times and digit counts are numbers; flags booleans.
"""

from typing import Any, Final

from src.backtest.exchange.kinds import PRICED_TYPES, SIDE_TEXT, TRIGGERED_TYPES, OrderType
from src.backtest.simulated_exchange import (
    AssetView,
    CandlesView,
    CircuitView,
    DepthView,
    MarginPositions,
    MarginStatus,
    NoticeView,
    OrderView,
    PairFees,
    PairRules,
    PairView,
    PositionView,
    StatusView,
    TickerView,
    TradeView,
    TransactionView,
)

Json = dict[str, Any]

MONEY_DIGITS: Final = 4
PERCENT_DIGITS: Final = 2
RATE_DIGITS: Final = 6
COIN_WITHDRAWAL_FEE: Final = {"min": "0", "max": "0"}  # the twin has no withdrawals
CASH_WITHDRAWAL_FEE: Final = {"under": "0", "over": "0", "threshold": "0"}


def fixed(value: int, digits: int) -> str:
    """Return `value` units of 10**-digits with exactly so many decimals."""
    if not digits:
        return str(value)
    text = str(abs(value)).zfill(digits + 1)
    return f"{'-' if value < 0 else ''}{text[:-digits]}.{text[-digits:]}"


def plain(value: int, digits: int) -> str:
    """Return `value` units of 10**-digits without needless zeros."""
    text = fixed(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: int) -> str:
    """Return a sum of JPY."""
    return fixed(value, MONEY_DIGITS)


def order(view: OrderView, rules: PairRules) -> Json:
    """Return an order; what does not concern its type is absent."""
    amount, price = rules.amount_digits, rules.price_digits
    result: Json = {"order_id": view.order_id, "pair": view.pair, "side": SIDE_TEXT[view.side]}
    if view.position_side is not None:
        result["position_side"] = view.position_side.value
    result["type"] = view.type.value
    result["start_amount"] = None if view.start_lots is None else fixed(view.start_lots, amount)
    result["remaining_amount"] = None if view.remaining_lots is None else fixed(view.remaining_lots, amount)
    result["executed_amount"] = fixed(view.executed_lots, amount)
    if view.type in PRICED_TYPES and view.price is not None:
        result["price"] = fixed(view.price, price)
    if view.type is OrderType.LIMIT:
        result["post_only"] = bool(view.post_only)
    if view.type in TRIGGERED_TYPES and view.trigger_price is not None:
        result["trigger_price"] = fixed(view.trigger_price, price)
    result["user_cancelable"] = view.user_cancelable
    result["average_price"] = fixed(view.average_price, price)
    result["ordered_at"] = view.ordered_at
    result["expire_at"] = view.expire_at
    for name, at in (("triggered_at", view.triggered_at), ("canceled_at", view.canceled_at)):
        if at is not None:
            result[name] = at
    return {**result, "status": view.status.value}


def streamed_order(view: OrderView, rules: PairRules) -> Json:
    """Return an order as the private stream sends it."""
    extra: Json = {"is_just_triggered": True} if view.just_triggered else {}
    if view.executed_at is not None:
        extra["executed_at"] = view.executed_at
    return {**order(view, rules), **extra}


def trade(view: TradeView, rules: PairRules) -> Json:
    """Return a user's trade as the history shows it: margin fields only on margin rows."""
    row = streamed_trade(view, rules)
    if view.position_side is None:
        for name in ("position_side", "profit_loss", "interest"):
            del row[name]
    return row


def streamed_trade(view: TradeView, rules: PairRules) -> Json:
    """Return a user's trade as the private stream sends it: margin fields are null on spot rows."""
    return {
        "trade_id": view.trade_id,
        "order_id": view.order_id,
        "pair": view.pair,
        "side": SIDE_TEXT[view.side],
        "position_side": None if view.position_side is None else view.position_side.value,
        "type": view.type.value,
        "amount": fixed(view.lots, rules.amount_digits),
        "price": fixed(view.price, rules.price_digits),
        "maker_taker": "maker" if view.maker else "taker",
        "fee_amount_base": fixed(view.fee_base, MONEY_DIGITS),
        "fee_amount_quote": money(view.fee_quote),
        "fee_occurred_amount_quote": money(view.fee_occurred),
        "profit_loss": None if view.profit_loss is None else money(view.profit_loss),
        "interest": None if view.interest is None else money(view.interest),
        "executed_at": view.executed_at,
    }


def asset(view: AssetView) -> Json:
    """Return one asset's balances."""
    cash = view.asset == "jpy"
    row: Json = {
        "asset": view.asset,
        "free_amount": fixed(view.free, view.precision),
        "amount_precision": view.precision,
        "onhand_amount": fixed(view.onhand, view.precision),
        "locked_amount": fixed(view.locked, view.precision),
        "withdrawing_amount": fixed(0, view.precision),
        "withdrawal_fee": CASH_WITHDRAWAL_FEE if cash else COIN_WITHDRAWAL_FEE,
        "stop_deposit": True,
        "stop_withdrawal": True,
        "collateral_ratio": plain(view.collateral_ppm, RATE_DIGITS),
    }
    return row if cash else {**row, "network_list": []}


def position(view: PositionView, rules: PairRules) -> Json:
    """Return one side's position as the REST interface shows it."""
    return {
        "pair": view.pair,
        "position_side": view.position_side.value,
        "open_amount": fixed(view.lots, rules.amount_digits),
        "product": money(view.product),
        "average_price": fixed(view.average_price, rules.price_digits),
        "unrealized_fee_amount": money(view.unrealized_fee),
        "unrealized_interest_amount": money(view.unrealized_interest),
    }


def notice(view: NoticeView) -> Json:
    """Return what the exchange demands; four nulls when nothing is due."""
    return {
        "what": view.what,
        "occurred_at": view.occurred_at,
        "amount": None if view.amount is None else money(view.amount),
        "due_date_at": view.due_date_at,
    }


def margin_positions(view: MarginPositions, rules: dict[str, PairRules]) -> Json:
    """Return the answer of the positions endpoint."""
    return {
        "notice": notice(view.notice),
        "payables": {"amount": money(view.payables.amount)},
        "positions": [position(row, rules[row.pair]) for row in view.positions],
        "losscut_threshold": {
            "individual": plain(view.losscut_individual_ppm, RATE_DIGITS),
            "company": plain(view.losscut_company_ppm, RATE_DIGITS),
        },
    }


_STATUS_MONEY: Final = (
    "total_margin_balance",
    "margin_position_profit_loss",
    "unrealized_cost",
    "total_margin_position_product",
    "open_margin_position_product",
    "open_margin_order_product",
    "total_position_maintenance_margin",
    "total_long_position_maintenance_margin",
    "total_short_position_maintenance_margin",
    "total_open_order_maintenance_margin",
    "total_long_open_order_maintenance_margin",
    "total_short_open_order_maintenance_margin",
)


def margin_status(view: MarginStatus) -> Json:
    """Return the answer of the margin status endpoint."""
    level = view.total_margin_balance_percentage
    return {
        "status": view.status.value,
        "total_margin_balance_percentage": None if level is None else fixed(level, PERCENT_DIGITS),
        "margin_call_percentage": _whole(view.margin_call_percentage),
        "losscut_percentage": _whole(view.losscut_percentage),
        "buy_credit": str(view.buy_credit),
        "sell_credit": str(view.sell_credit),
        "available_balances": [
            {"pair": row.pair, "long": money(row.long), "short": money(row.short)} for row in view.available_balances
        ],
        **{name: money(getattr(view, name)) for name in _STATUS_MONEY},
    }


def _whole(percentage: int | None) -> str | None:
    return None if percentage is None else str(percentage)


def pair(view: PairView) -> Json:
    """Return a pair's rules; margin fields are null for a pair without margin."""
    rules, flags = view.rules, view.rules.flags
    return {
        "name": rules.pair,
        "base_asset": rules.base_asset,
        "quote_asset": rules.quote_asset,
        **_fee_rates(rules.fees, margin=rules.margin is not None),
        **_margin_terms(view),
        "unit_amount": plain(rules.min_lots, rules.amount_digits),
        "limit_max_amount": plain(rules.limit_max_lots, rules.amount_digits),
        "market_max_amount": plain(rules.market_max_lots, rules.amount_digits),
        "market_allowance_rate": plain(rules.market_allowance_ppm, RATE_DIGITS),
        "market_in_cb_allowance_rate": plain(rules.market_allowance_ppm, RATE_DIGITS),
        "price_digits": rules.price_digits,
        "amount_digits": rules.amount_digits,
        "is_enabled": True,
        **{name: value for name, value in flags._asdict().items() if name.startswith("stop_")},
    }


def _fee_rates(fees: PairFees, *, margin: bool) -> Json:
    rates = {
        "margin_open_maker_fee_rate_quote": fees.open_maker_ppm,
        "margin_open_taker_fee_rate_quote": fees.open_taker_ppm,
        "margin_close_maker_fee_rate_quote": fees.close_maker_ppm,
        "margin_close_taker_fee_rate_quote": fees.close_taker_ppm,
    }
    return {
        "maker_fee_rate_base": "0",
        "taker_fee_rate_base": "0",
        "maker_fee_rate_quote": plain(fees.maker_ppm, RATE_DIGITS),
        "taker_fee_rate_quote": plain(fees.taker_ppm, RATE_DIGITS),
        **{name: plain(rate, RATE_DIGITS) if margin else None for name, rate in rates.items()},
    }


def _margin_terms(view: PairView) -> Json:
    now, then = view.rules.margin, view.next_margin

    def rate(ppm: int | None) -> str | None:
        return None if ppm is None else plain(ppm, RATE_DIGITS)

    return {
        "margin_long_interest": rate(now and now.long_interest_ppm),
        "margin_short_interest": rate(now and now.short_interest_ppm),
        "margin_current_individual_ratio": rate(now and now.individual_ratio_ppm),
        "margin_current_individual_until": view.margin_until,
        "margin_current_company_ratio": rate(now and now.company_ratio_ppm),
        "margin_current_company_until": view.margin_until,
        "margin_next_individual_ratio": rate(then and then.individual_ratio_ppm),
        "margin_next_individual_until": view.next_margin_until,
        "margin_next_company_ratio": rate(then and then.company_ratio_ppm),
        "margin_next_company_until": view.next_margin_until,
    }


def status(view: StatusView, rules: PairRules) -> Json:
    """Return how busy a pair is."""
    return {
        "pair": view.pair,
        "status": view.status.value,
        "min_amount": fixed(view.min_lots, rules.amount_digits),
    }


def ticker(view: TickerView, rules: PairRules) -> Json:
    """Return the last 24 hours; null where nothing was traded or offered."""
    names = ("sell", "buy", "high", "low", "open", "last")
    prices = {name: getattr(view, name) for name in names}
    return {
        **{name: None if at is None else fixed(at, rules.price_digits) for name, at in prices.items()},
        "vol": fixed(view.lots, rules.amount_digits),
        "timestamp": view.timestamp,
    }


def depth(view: DepthView, rules: PairRules) -> Json:
    """Return the book; the sequence number is a text on the wire."""
    amount = rules.amount_digits

    def levels(side: tuple[tuple[int, int], ...]) -> list[list[str]]:
        return [[fixed(at, rules.price_digits), fixed(lots, amount)] for at, lots in side]

    return {
        "asks": levels(view.asks),
        "bids": levels(view.bids),
        "asks_over": fixed(view.asks_over, amount),
        "bids_under": fixed(view.bids_under, amount),
        "asks_under": fixed(view.asks_under, amount),
        "bids_over": fixed(view.bids_over, amount),
        "ask_market": fixed(view.ask_market, amount),
        "bid_market": fixed(view.bid_market, amount),
        "timestamp": view.timestamp,
        "sequenceId": str(view.sequence),
    }


def transaction(view: TransactionView, rules: PairRules) -> Json:
    """Return one public trade."""
    return {
        "transaction_id": view.transaction_id,
        "side": SIDE_TEXT[view.side],
        "price": fixed(view.price, rules.price_digits),
        "amount": fixed(view.lots, rules.amount_digits),
        "executed_at": view.executed_at,
    }


def candles(view: CandlesView, rules: PairRules) -> Json:
    """Return a candle file; the publishing time stands in the old place and in the new one."""
    at, lots = rules.price_digits, rules.amount_digits
    rows = [
        [*(fixed(price, at) for price in bar[1:5]), fixed(bar.volume, lots), view.opened_at(i)]
        for i, bar in enumerate(view.bars)
    ]
    element = {"type": view.type, "ohlcv": rows, "timestamp": view.timestamp}
    return {"candlestick": [element], "timestamp": view.timestamp}


def circuit_break_info(view: CircuitView, rules: PairRules) -> Json:
    """Return the circuit breaker's state."""
    names = (
        "upper_trigger_price",
        "lower_trigger_price",
        "estimated_itayose_price",
        "itayose_upper_price",
        "itayose_lower_price",
    )
    prices = {name: getattr(view, name) for name in names}
    lots = view.estimated_itayose_lots
    return {
        "mode": view.mode.value,
        **{name: None if at is None else fixed(at, rules.price_digits) for name, at in prices.items()},
        "estimated_itayose_amount": None if lots is None else fixed(lots, rules.amount_digits),
        "reopen_timestamp": view.reopen_timestamp,
        "fee_type": view.fee_type.value,
        "timestamp": view.timestamp,
    }
