"""A summary of PETSc's log of a run on any number of ranks: where the time goes, how evenly, and what is sent.

Usage: uv run mpirun -n 2 freqbias pde RUN.toml --out OUT -- -log_view :log.csv:ascii_csv
       uv run python -m benchmarks.petsc_log log.csv

Seconds are those of the slowest rank, and contain the events that an event calls. Balance: the mean over the ranks
divided by the slowest. Messages and megabytes are those of the rank with most. Events below 1 % of the whole are left
out.
"""

import sys
from pathlib import Path

import pandas as pd

SMALLEST = 0.01  # share of the whole run


def summary(log: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each event. log: a row for each event and rank, as PETSc writes it."""
    ranks = log.groupby("Event Name")
    table = pd.DataFrame(
        {
            "calls": ranks["Count"].max(),
            "seconds": ranks["Time"].max(),
            "balance": ranks["Time"].mean() / ranks["Time"].max(),
            "messages": ranks["Num Messages"].max(),
            "MB": ranks["Message Length"].max() / 1e6,
            "GFlop/s": ranks["FLOP"].sum() / ranks["Time"].max() / 1e9,
        }
    )
    whole = table.loc["summary", "seconds"]
    table.insert(2, "share", 100 * table["seconds"] / whole)
    table = table[table["seconds"] >= SMALLEST * whole].rename(index={"summary": "whole run"})
    return table.sort_values("seconds", ascending=False)


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) == 2 else None
    if path is None or not path.is_file():
        sys.exit(__doc__)
    log = pd.read_csv(path, index_col=False, skipinitialspace=True)
    ranks = log["Rank"].nunique()
    print(f"{path}: {ranks} rank{'s' if ranks > 1 else ''}\n")
    print("| event | calls | seconds | share | balance | messages | MB | GFlop/s |")
    print("|---|---|---|---|---|---|---|---|")
    for name, row in summary(log).iterrows():
        print(
            f"| {name} | {row['calls']:.0f} | {row['seconds']:.2f} | {row['share']:.0f} % | {row['balance']:.2f} "
            f"| {row['messages']:.0f} | {row['MB']:.1f} | {row['GFlop/s']:.2f} |"
        )


if __name__ == "__main__":
    main()
