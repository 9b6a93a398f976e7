"""The program `freqbias`, which obeys signals from its first line: the imports of its commands take up to a second."""

from freqbias.runtime import open_closed_streams, watch_signals


def main() -> None:
    """Entry point of `freqbias`."""
    open_closed_streams()  # first, because the watch opens a pipe
    watch_signals()
    from freqbias.compare.commands.app import main as run_command_line

    run_command_line()
