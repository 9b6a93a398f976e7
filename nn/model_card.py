"""The README.md of a network's folder, with the front matter that model hubs read."""

from freqbias.nn.network_description import NetworkDescription
from freqbias.problem import counted

CARD = """---
library_name: freqbias
tags: [coordinate-network, {tag}]
---
# {name}

{kind}. It maps {dimension} {coordinates}{unit} to {channels} {values}.

    {convention}

```python
import torch
from freqbias import nn

network = nn.load("FOLDER")  # this folder
values = network(torch.zeros(1, {dimension}))  # positions (n, {dimension}) -> values (n, {channels})
```

`config.json` describes the network and where it comes from; `model.safetensors` has the weights.
"""


def model_card(description: NetworkDescription) -> str:
    """Return the text of README.md."""
    network, provenance = description.network, description.provenance
    kind = f"A Fourier Features network of {network.width} frequencies"
    if network.omega_0 is not None:
        kind = f"SIREN with {network.depth - 1} layers of {network.width} sines and omega_0 = {network.omega_0:g}"
    elif network.depth > 2:
        kind += f", and {counted(network.depth - 2, 'hidden layer')} of {network.hidden_width} ({network.activation})"
    return CARD.format(
        name=provenance.get("name", "network"),
        kind=kind,
        tag="fourier-features" if network.omega_0 is None else "siren",
        dimension=description.dimension,
        coordinates="coordinate" if description.dimension == 1 else "coordinates",
        unit=f" [{description.unit}]" if description.unit else "",
        channels=description.channels,
        values="value" if description.channels == 1 else "values",
        convention=description.convention,
    )
