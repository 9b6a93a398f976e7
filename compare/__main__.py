"""`python -m freqbias.compare`, another name of `freqbias compare`."""

from freqbias.compare.commands import compare_command
from freqbias.runtime import main, new_app

app = new_app()
app.command()(compare_command)
main(app, "python -m freqbias.compare")
