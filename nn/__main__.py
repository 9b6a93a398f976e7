"""`python -m nn RUN.toml`: the same as `freqbias nn RUN.toml`."""

from nn.cli import nn_command
from runtime.commandline import main, new_app

app = new_app()
app.command()(nn_command)
main(app, "python -m nn")
