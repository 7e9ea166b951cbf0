"""Fuzzing, which ``make fuzz`` runs and no test does."""

from pathlib import Path

OUT = Path(__file__).parent / "out"
