"""`python -m compare RUN.toml`: the same as `freqbias compare RUN.toml`."""

from compare.cli import compare_command
from runtime.commandline import main, new_app

app = new_app()
app.command()(compare_command)
main(app, "python -m compare")
