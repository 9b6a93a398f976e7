"""The frequency bias of neural networks as a PDE in frequency space."""

from freqbias.libmpi import point_to_libmpi

point_to_libmpi()
del point_to_libmpi
