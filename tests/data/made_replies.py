"""bitbank's replies as it documents them, one of each kind."""

from typing import Any, Final

Json = dict[str, Any]

ORDER: Final[Json] = {
    "order_id": 40_000_000_123,
    "pair": "btc_jpy",
    "side": "sell",
    "position_side": "long",
    "type": "stop",
    "start_amount": "0.0100",
    "remaining_amount": "0.0060",
    "executed_amount": "0.0040",
    "trigger_price": "9900000",
    "user_cancelable": True,
    "average_price": "9899000",
    "ordered_at": 1_790_000_000_000,
    "expire_at": 1_805_552_000_000,
    "triggered_at": 1_790_000_100_000,
    "status": "PARTIALLY_FILLED",
}
TRADE: Final[Json] = {
    "trade_id": 1_234_567,
    "order_id": 40_000_000_123,
    "pair": "btc_jpy",
    "side": "sell",
    "position_side": "long",
    "type": "stop",
    "amount": "0.0040",
    "price": "9899000",
    "maker_taker": "taker",
    "fee_amount_base": "0.0000",
    "fee_amount_quote": "79.1960",
    "fee_occurred_amount_quote": "39.5960",
    "profit_loss": "-483.1960",
    "interest": "15.8400",
    "executed_at": 1_790_000_100_005,
}
ASSETS: Final[Json] = {
    "assets": [
        {
            "asset": "jpy",
            "free_amount": "900000.0000",
            "amount_precision": 4,
            "onhand_amount": "1000000.1234",
            "locked_amount": "100000.1234",
        },
        {"asset": "btc", "free_amount": "0.50000000", "onhand_amount": "0.50000000", "locked_amount": "0.00000000"},
    ]
}
POSITIONS: Final[Json] = {
    "notice": {"what": None, "occurred_at": None, "amount": None, "due_date_at": None},
    "payables": {"amount": "0.0000"},
    "positions": [
        {
            "pair": pair,
            "position_side": side,
            "open_amount": "0.0060" if (pair, side) == ("btc_jpy", "long") else "0.0000",
            "product": "59400.0000" if (pair, side) == ("btc_jpy", "long") else "0.0000",
            "average_price": "9900000" if (pair, side) == ("btc_jpy", "long") else "0",
            "unrealized_fee_amount": "59.4000" if (pair, side) == ("btc_jpy", "long") else "0.0000",
            "unrealized_interest_amount": "0.0000",
        }
        for pair in ("btc_jpy", "xrp_jpy", "eth_jpy", "doge_jpy", "sol_jpy")
        for side in ("long", "short")
    ],
    "losscut_threshold": {"individual": "0.5", "company": "0.5"},
}
MARGIN: Final[Json] = {
    "status": "NORMAL",
    "total_margin_balance": "999000.0000",
    "total_margin_balance_percentage": "3363.63",
    "margin_position_profit_loss": "-940.6000",
    "unrealized_cost": "59.4000",
    "total_margin_position_product": "59400.0000",
    "open_margin_position_product": "59400.0000",
    "open_margin_order_product": "0.0000",
    "total_position_maintenance_margin": "29700.0000",
    "total_long_position_maintenance_margin": "29700.0000",
    "total_short_position_maintenance_margin": "0.0000",
    "total_open_order_maintenance_margin": "10.0000",
    "total_long_open_order_maintenance_margin": "10.0000",
    "total_short_open_order_maintenance_margin": "0.0000",
    "margin_call_percentage": "100",
    "losscut_percentage": "50",
    "buy_credit": "500000",
    "sell_credit": "30000000",
    "available_balances": [{"pair": "btc_jpy", "long": "1938600.0000", "short": "1998000.0000"}],
}
TICKER: Final[Json] = {
    "sell": "9900100",
    "buy": "9899900",
    "high": "10000000",
    "low": "9800000",
    "open": "9850000",
    "last": "9900000",
    "vol": "123.4567",
    "timestamp": 1_790_000_000_000,
}
CIRCUIT: Final[Json] = {
    "mode": "NONE",
    "estimated_itayose_price": None,
    "estimated_itayose_amount": None,
    "itayose_upper_price": None,
    "itayose_lower_price": None,
    "upper_trigger_price": "11880000",
    "lower_trigger_price": "7920000",
    "fee_type": "NORMAL",
    "reopen_timestamp": None,
    "timestamp": 1_790_000_000_000,
}
PAIRS: Final[Json] = {
    "pairs": [
        {
            "name": "btc_jpy",
            "base_asset": "btc",
            "quote_asset": "jpy",
            "maker_fee_rate_base": "0",
            "taker_fee_rate_base": "0",
            "maker_fee_rate_quote": "0",
            "taker_fee_rate_quote": "0.001",
            "margin_open_maker_fee_rate_quote": "0",
            "margin_open_taker_fee_rate_quote": "0.001",
            "margin_close_maker_fee_rate_quote": "-0.0002",
            "margin_close_taker_fee_rate_quote": "0.0012",
            "margin_long_interest": "0.0004",
            "margin_short_interest": "0.0004",
            "margin_current_individual_ratio": "0.5",
            "margin_current_individual_until": 1_790_348_399_999,
            "margin_current_company_ratio": "0.0818",
            "margin_current_company_until": 1_790_348_399_999,
            "margin_next_individual_ratio": "0.6",
            "margin_next_individual_until": 1_790_953_199_999,
            "margin_next_company_ratio": None,
            "margin_next_company_until": None,
            "unit_amount": "0.0001",
            "limit_max_amount": "1000",
            "market_max_amount": "10",
            "market_allowance_rate": "0.2",
            "market_in_cb_allowance_rate": "0.2",
            "price_digits": 0,
            "amount_digits": 4,
            "is_enabled": True,
            "stop_order": False,
            "stop_order_and_cancel": False,
            "stop_market_order": False,
            "stop_stop_order": True,
            "stop_stop_limit_order": False,
            "stop_margin_long_order": False,
            "stop_margin_short_order": False,
            "stop_buy_order": False,
            "stop_sell_order": False,
        }
    ]
}
STATUSES: Final[Json] = {"statuses": [{"pair": "btc_jpy", "status": "BUSY", "min_amount": "0.0100"}]}
