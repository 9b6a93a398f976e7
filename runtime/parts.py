"""Parts of an unfinished result as bytes: safetensors files, which any safetensors reader opens. No pickle.

The entry `content` of their metadata is JSON, {"names": [...], "complex": [...], "meta": {...}}: the arrays in their
order, those of them that are complex in double precision (safetensors knows none: they are kept as pairs, in one more
axis), and what was kept beside them. The entry `sha256` is the SHA-256 of the whole file as it is with zeros in that
entry's own place.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_LENGTH = 8  # bytes at the beginning of a safetensors file: how long its header is
_DIGEST = b'"sha256":"'  # what stands before the hash; inside of JSON texts its quotes would be escaped
_BLANK = b"0" * 64


class DamagedPartError(ValueError):
    """The bytes are not those that were written."""


def pack(arrays: "Mapping[str, np.ndarray]", meta: Mapping[str, Any]) -> bytes:
    """Raises ValueError for arrays that are not of numbers and NaN in `meta`, TypeError for `meta` that JSON cannot
    hold."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save

    tensors, pairs = {}, []
    for name, given in arrays.items():
        array = np.asarray(given, order="C")  # safetensors writes the memory as it lies
        if array.dtype == np.complex128:
            array = array[..., None].view(np.float64)
            pairs.append(name)
        tensors[name] = array
    content = {"names": list(arrays), "complex": pairs, "meta": dict(meta)}
    texts = {"sha256": _BLANK.decode(), "content": json.dumps(content, allow_nan=False, default=_plain)}
    try:
        packed = bytearray(save(tensors, metadata=texts))
    except SafetensorError as error:
        raise ValueError(f"safetensors cannot hold {', '.join(arrays)}: {error}") from error
    place = _place_of_digest(packed)
    packed[place] = _digest(packed, place)
    return bytes(packed)


def unpack(packed: bytes) -> "tuple[dict[str, np.ndarray], dict[str, Any]]":
    """The arrays and the meta that `pack` was given. Raises DamagedPartError."""
    import numpy as np
    from safetensors.numpy import load

    place = _place_of_digest(packed)
    if _digest(packed, place) != packed[place]:
        raise DamagedPartError("the SHA-256 does not match")
    content = json.loads(json.loads(packed[_header(packed)])["__metadata__"]["content"])
    tensors = load(packed)
    arrays = {
        name: tensors[name].view(np.complex128)[..., 0] if name in content["complex"] else tensors[name]
        for name in content["names"]
    }
    return arrays, content["meta"]


def _header(packed: bytes | bytearray) -> slice:
    return slice(_LENGTH, _LENGTH + int.from_bytes(packed[:_LENGTH], "little"))


def _place_of_digest(packed: bytes | bytearray) -> slice:
    header = _header(packed)
    start = packed.find(_DIGEST, header.start, header.stop) + len(_DIGEST)
    return slice(start, start + len(_BLANK))


def _digest(packed: bytes | bytearray, place: slice) -> bytes:
    view = memoryview(packed)
    digest = hashlib.sha256(view[: place.start])
    digest.update(_BLANK)
    digest.update(view[place.stop :])
    return digest.hexdigest().encode()


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return value.tolist()
    raise TypeError(f"meta cannot hold {value!r} of type {type(value).__name__}")
