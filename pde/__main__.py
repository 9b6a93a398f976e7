"""`python -m pde RUN.toml`: the same as `freqbias pde RUN.toml`."""

from pde.cli import pde_command
from runtime.commandline import main, new_app

app = new_app()
app.command()(pde_command)
main(app, "python -m pde")
