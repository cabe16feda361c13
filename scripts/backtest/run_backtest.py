"""The seed's command: python scripts/backtest/run_backtest.py --days 30 --verbose.

The same as `python main.py backtest`, with the same options.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from src.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "backtest")
    main()
