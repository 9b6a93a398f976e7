"""Settings of all tests."""

from hypothesis import settings

# The same examples every time, and no deadline: machines are shared, and a first call may import.
settings.register_profile("freqbias", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("freqbias")
