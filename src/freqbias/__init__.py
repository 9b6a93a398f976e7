"""The frequency bias of neural networks as a PDE in frequency space."""
