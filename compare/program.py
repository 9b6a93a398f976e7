"""The program `freqbias`, which obeys signals from its first line: the imports of its commands take up to a second."""

import gc

from freqbias.runtime import open_closed_streams, watch_signals

FEW_COLLECTIONS = 100_000, 50, 100  # imports make a million objects that stay; collecting garbage takes a tenth of them


def main() -> None:
    """Entry point of `freqbias`."""
    gc.set_threshold(*FEW_COLLECTIONS)
    open_closed_streams()  # first, because the watch opens a pipe
    watch_signals()
    from freqbias.compare.commands.app import main as run_command_line

    run_command_line()
