"""The network's error spectrum against the finite-element solution: projection, metrics, figures; and the `freqbias` command."""
