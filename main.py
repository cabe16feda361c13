"""The program's entrance; `python main.py --help` says what it can do."""

from src.cli import main

if __name__ == "__main__":
    main()
