"""The command `python -m freqbias.nn RUN.toml`, equal to `freqbias nn RUN.toml`."""

from freqbias.nn.cli import nn_command
from freqbias.runtime import main, new_app

app = new_app()
app.command()(nn_command)
main(app, "python -m freqbias.nn")
