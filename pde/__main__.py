"""Entry point of `python -m freqbias.pde RUN.toml`, the same command as `freqbias pde RUN.toml`."""

from freqbias.pde.cli import pde_command
from freqbias.runtime import main, new_app

app = new_app()
app.command()(pde_command)
main(app, "python -m freqbias.pde")
