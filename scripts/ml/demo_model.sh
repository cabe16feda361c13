#!/usr/bin/env bash
# Train a model on two years of the sample market, judge it, and backtest it on the half-year after, which it never saw.
# The sample market cannot be beaten, so an honest gate finds no evidence here, and an honest backtest no profit.
# DATA, END and UNTIL choose other candles: DATA=bitbank_btc_jpy_15m END=2025-01-01 UNTIL=2025-07-01 make demo-model
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${DATA:-sample} end=${END:-2023-01-01} until=${UNTIL:-2023-07-01}
out=logs/demo-model
python=.venv/bin/python

$python main.py train --data "$data" --years 2 --end "$end" --out "$out"

echo
echo "== the half-year after $end, with the candidate: the model decides which proposals are traded"
export TRADER__MODEL__PATH="$out/model" TRADER__MODEL__MAX_AGE_DAYS=400
TRADER__MODEL__USED=true $python main.py backtest --data "$data" --start "$end" --end "$until"
echo
echo "== the same half-year, strategies alone"
TRADER__MODEL__USED=false $python main.py backtest --data "$data" --start "$end" --end "$until"
echo
echo "the card: $out/card.ja.html, $out/card.en.html"
