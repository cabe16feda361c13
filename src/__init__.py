"""An automated trader for BTC/JPY margin on bitbank: one decision core, folded over closed candles."""
