"""One virtual environment a peer, made from its hashed requirements, so that none can disturb another."""

import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "cache" / "bench"


class Peer(NamedTuple):
    """One engine of the benchmark."""

    name: str
    module: str  # run as `python -m`
    requirements: str  # file in requirements/, without .txt
    folder: str  # of its environment


PEERS: Final = (
    Peer("ours", "benchmarks.ours", "research", "ours"),
    Peer("vectorbt[rust]", "benchmarks.peer_vectorbt", "bench-vectorbt", "vectorbt"),
    Peer("hftbacktest", "benchmarks.peer_hftbacktest", "bench-hftbacktest", "hftbacktest"),
    Peer("backtesting.py", "benchmarks.peer_backtesting", "bench-backtesting", "backtesting"),
)


def python_of(peer: Peer) -> Path:
    """Return the interpreter of a peer's environment, which is made or brought up to date if need be.

    Raises
    ------
    subprocess.CalledProcessError
        If a package cannot be had, or is not the one whose hash is known.
    """
    folder, wanted = FOLDER / peer.folder, ROOT / "requirements" / f"{peer.requirements}.txt"
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        sys.stderr.write(f"setting up {peer.name} in {folder.relative_to(ROOT)}\n")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)  # noqa: S603 - our own words
        install: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
        ]
        subprocess.run([*install, "-r", wanted], check=True)  # noqa: S603 - our own words
        installed.write_bytes(wanted.read_bytes())
    return python
