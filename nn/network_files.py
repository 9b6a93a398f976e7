"""The files of kept networks: safetensors for the weights, JSON for the description. Nothing in them is executed.

In a result, `nn/network.safetensors` and `nn/network.json` are the network at the last output time. With [training]
keep = "outputs", `nn/networks/K.safetensors` and `K.json` are that at output time K. In a folder that `save` wrote, the
names are `model.safetensors` and `config.json`, and there is a `README.md`, as on model hubs.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from freqbias.errors import InputError, UsageError
from freqbias.nn.kept_network import PRECISE, KeptNetwork, make_module
from freqbias.nn.model_card import model_card
from freqbias.nn.network_description import NetworkDescription, parse_description
from freqbias.runtime import Store, read_file, writable

CARD = "README.md"
HUB = ("model.safetensors", "config.json")
RESULT = ("network.safetensors", "network.json")
OUTPUTS = "networks"  # the folder in `nn` with a network for each output time
SAME_TIME = 1e-9  # relative difference of a time that the user gives in decimals


def write_network(module: KeptNetwork, tensors: Path, description: Path) -> None:
    """Write the two files of a network."""
    weights = {name: each.detach().cpu().contiguous() for name, each in module.state_dict().items()}
    if any(each.dtype not in PRECISE for each in weights.values()):
        raise InputError("the weights are in half precision; convert the network with network.float() or .double()")
    packed = save_tensors(weights, metadata={"format": "pt"})
    about = module.current_description()
    content = about.model_copy(update={"sha256": _digest(packed, about)})
    tensors.write_bytes(packed)
    text = json.dumps(content.model_dump(exclude_none=True), indent=1, allow_nan=False, ensure_ascii=False)
    description.write_text(text + "\n", encoding="utf-8")


def save(module: KeptNetwork, folder: Path | str) -> None:
    """Write a network to a folder of its own, as model hubs expect it. Raises UsageError if it has one already.

    If the weights have changed, for example by further training, the description has no time, and its provenance says
    so.
    """
    folder = Path(folder)
    names = (*HUB, CARD)
    if there := [name for name in names if (folder / name).exists()]:
        raise UsageError(f"{folder} has a file {there[0]} already; choose another folder")
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_network(module, *(folder / name for name in HUB))
        (folder / CARD).write_text(model_card(module.description), encoding="utf-8")


def load(folder: Path | str, *, time: float | None = None) -> KeptNetwork:
    """Return the network in a result folder, or in a folder that `save` wrote, as a torch module.

    time: of a result with [training] keep = "outputs", the output time; by default the last. Raises InputError if there
    is no such network or a file is not that of one, and UsageError if a file of the result is damaged or has changed.
    """
    folder = Path(folder)
    if (folder / "nn").is_dir():
        return _load_result(Store(folder), time)
    names = next((names for names in (HUB, RESULT) if (folder / names[1]).is_file()), None)
    if names is None:
        raise InputError(f"{folder} has no network; give a result folder, such as out/NAME, or one with {HUB[1]}")
    if time is not None:
        raise InputError(f"time = {time:g}: {folder} has one network only; leave time out")
    return _read(folder / names[0], folder / names[1])


def _load_result(store: Store, time: float | None) -> KeptNetwork:
    files, folder = store.verified_manifest("nn")["files"], store.root / "nn"
    if RESULT[1] not in files:
        raise InputError(
            f'{store.root}: the training kept no network; train again with [training] keep = "end" and --overwrite'
        )
    last = folder / RESULT[1]
    if time is None:
        return _read(folder / RESULT[0], last)
    kept = [last, *(folder / name for name in files if name.startswith(f"{OUTPUTS}/") and name.endswith(".json"))]
    times = {path: t for path in kept if (t := _read_description(path).time) is not None}
    for path, each in times.items():
        if np.isclose(each, time, rtol=SAME_TIME, atol=0):
            return _read(path.with_suffix(".safetensors"), path)
    known = ", ".join(f"{each:.6g}" for each in sorted(set(times.values())))
    remedy = "" if len(times) > 1 else '; with [training] keep = "outputs" the training keeps one for each output time'
    raise InputError(f"time = {time:g}: {store.root} has the network at t = {known}{remedy}")


def _read_description(path: Path) -> NetworkDescription:
    return parse_description(read_file(path), str(path))


def _digest(packed: bytes, description: NetworkDescription) -> str:
    """Return the SHA-256 of the file with the weights, followed by the description as JSON, without the hash."""
    return hashlib.sha256(packed + description.model_dump_json(exclude={"sha256"}).encode()).hexdigest()


def _read(tensors: Path, description: Path) -> KeptNetwork:
    try:
        packed, content = read_file(tensors), _read_description(description)
    except OSError as failure:
        raise UsageError(f"{tensors.parent}: {failure.strerror}: {failure.filename}; restore the file") from None
    if _digest(packed, content) != content.sha256:
        raise UsageError(
            f"{tensors} or {description.name} is damaged or has changed: their SHA-256 is not the one in "
            f"{description.name}"
        )
    try:
        return make_module(content, load_tensors(packed))
    except SafetensorError as failure:
        raise InputError(f"{tensors}: {failure}; give a file that freqbias wrote") from None
    except InputError as failure:
        raise InputError(f"{tensors}: {failure}") from None
