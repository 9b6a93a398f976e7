"""A function that reads sound: .wav, .flac and .ogg."""

import re
from pathlib import Path

from freqbias.problem.contents import Contents, check_size

UNKNOWN_LENGTH = 2**32 - 1  # written by programs that did not know the length in advance


def read_sound(path: Path) -> Contents:
    """Read sound as (n, C) with the spacing 1 / rate in seconds. Integers become [-1, 1], as in other programs."""
    import soundfile

    with soundfile.SoundFile(path) as sound:
        check_size(path, (sound.frames, sound.channels), 1)
        _refuse_cut(sound.extra_info)
        values = sound.read(dtype="float64", always_2d=True)
        if len(values) != sound.frames:
            raise ValueError(f"only {len(values)} of {sound.frames} samples are there")
        return Contents(values, 1, (1 / sound.samplerate,), "s")


def _refuse_cut(report: str) -> None:
    """Raise ValueError if the report of the library says that the end of the file is missing."""
    sizes = re.search(r"^data : (\d+) \(should be (\d+)\)", report, flags=re.MULTILINE)
    if (sizes and int(sizes[2]) < int(sizes[1]) != UNKNOWN_LENGTH) or "ended unexpectedly" in report:
        raise ValueError("the end of the file is missing")
