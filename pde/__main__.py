"""Entry point of `python -m freqbias.pde RUN.toml`, which does what `freqbias pde RUN.toml` does."""

from freqbias.pde.cli import pde_command
from freqbias.runtime import main, new_app

app = new_app()
app.command()(pde_command)
main(app, "python -m freqbias.pde")
