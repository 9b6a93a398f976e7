"""The program `freqbias`, which obeys signals from its first line: the imports of its commands take up to a second."""

from freqbias.runtime import watch_signals


def main() -> None:
    """Entry point of `freqbias`."""
    watch_signals()
    from freqbias.compare.commands.app import main as run_command_line

    run_command_line()
