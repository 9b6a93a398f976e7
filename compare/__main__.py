"""`python -m freqbias.compare RUN.toml`: the same as `freqbias compare RUN.toml`."""

from freqbias.compare.commands import compare_command
from freqbias.runtime import main, new_app

app = new_app()
app.command()(compare_command)
main(app, "python -m freqbias.compare")
