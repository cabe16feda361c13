"""The 64 behaviours of bitbank that a program must find at the twin, and the clients through which it is shown.

X is ccxt (its sync class and its class for asyncio), P the official Python client (by plain HTTP, in its byte format),
Y pybotters, N PubNub's SDK, W any Socket.IO or websocket client, H plain HTTP.
"""

from typing import Final, NamedTuple


class Row(NamedTuple):
    """One behaviour."""

    behaviour: str
    clients: str


ROWS: Final[dict[int, Row]] = {
    1: Row("pairs answer with and without the version, without a key", "XH"),
    2: Row("ccxt loads the grid and the fees of BTC/JPY", "X"),
    3: Row("status answers unsigned and signed", "X"),
    4: Row("the four reference signatures verify; a POST is signed over its raw bytes", "HXPY"),
    5: Row("without a window header 5000 applies, and nothing of it is signed", "Y"),
    6: Row("a request time too far ahead is 20034, one too old 20035", "HX"),
    7: Row("a window above 60000 or none is 20038, a bad time 20037", "H"),
    8: Row("with both header sets the time window wins", "H"),
    9: Row("a nonce not above the last of its key is 20001", "XP"),
    10: Row("unknown key 20002, no key 20003, bad signature, neither time nor nonce 20036", "XH"),
    11: Row("business errors come by HTTP 200", "XP"),
    12: Row("an unknown public pair or date is 404 with 10000", "XP"),
    13: Row("a misspelt private path looks like a fault of authentication", "H"),
    14: Row("the seventh change or eleventh read of a second is 429 with 10009, per user", "X"),
    15: Row("numbers are texts with fixed decimals, ids and times numbers", "XP"),
    16: Row("an order without position_side moves assets, with it positions", "XP"),
    17: Row("each direction opens or closes its side", "XP"),
    18: Row("a long and a short of one pair coexist", "P"),
    19: Row("there are always ten positions; averages are weighted", "PX"),
    20: Row("a close above the free part is 50062; a resting close reserves", "X"),
    21: Row("positions can lag behind fills", "X"),
    22: Row("capacity 50061, no review 50058, spot pair 40165", "X"),
    23: Row("opening with a stop type is 40200 (switch)", "X"),
    24: Row("take_profit and stop_loss: 60019, 60018, null amount (switch)", "XP"),
    25: Row("stops wait INACTIVE among the active orders, then fire", "XY"),
    26: Row("missing price 30012, missing trigger 30101, post_only with market 40114", "X"),
    27: Row("ccxt's stop_limit with a positional price is 30012", "X"),
    28: Row("unknown keys are ignored, so the order may take", "X"),
    29: Row("a crossing post_only order is accepted and ends CANCELED_UNFILLED", "X"),
    30: Row("a market order fills completely or is REJECTED; 60003, 60002", "X"),
    31: Row("too small is 60004, below a raised minimum 70010", "X"),
    32: Row("digits and limits of prices", "X"),
    33: Row("partial fills add up", "XY"),
    34: Row("a cancel returns the order with canceled_at; the id is number or text", "XP"),
    35: Row("cancels of ended orders 50026, 50027, unknown 50009, pending 70019", "X"),
    36: Row("more than 30 cancels 40015, none 40014", "XP"),
    37: Row("orders_info leaves out unknown ids", "P"),
    38: Row("filters of active_orders and their codes", "P"),
    39: Row("trade_history: milliseconds, order, cap, ids", "PX"),
    40: Row("a repeated query key is 40013", "H"),
    41: Row("fees of both fills are collected at the close", "PX"),
    42: Row("interest grows by the day at a set hour", "P"),
    43: Row("the margin status adds up; percentages are null when flat", "X"),
    44: Row("a fall leads to a call, a forced close, a debt", "XY"),
    45: Row("the 31st open order is 60011", "X"),
    46: Row("orders expire after 180 days and are forgotten after three months", "X"),
    47: Row("a spot buy locks price, amount and the taker's fee", "X"),
    48: Row("candle files: forming bar, flat quiet minutes", "XP"),
    49: Row("a 4hour file by day is 404", "X"),
    50: Row("the new day's file is missing for minutes", "XP"),
    51: Row("public data lag behind the stream", "HW"),
    52: Row("transactions are the newest sixty; days are published later", "XP"),
    53: Row("each circuit breaker mode has its nulls; 70020, ignored post_only", "PX"),
    54: Row("the public stream opens, joins, pings, and cuts the silent", "WY"),
    55: Row("the older framing is served", "Y"),
    56: Row("whole books, diffs under one sequence, unknown rooms, leaving", "YW"),
    57: Row("the private channel is stable, tokens are new and live twelve hours", "PX"),
    58: Row("long poll: with and without tt, catch-up, leave", "NY"),
    59: Row("an expired or wrong token is 403, a fresh one works", "NY"),
    60: Row("a round trip sends its set of messages", "Y"),
    61: Row("both styles of keys (switch)", "Y"),
    62: Row("an invalidation has an object of ids", "N"),
    63: Row("orders survive a restart; ids go on", "X"),
    64: Row("spot and margin orders meet in one book", "X"),
}
