"""The README.md of a network's folder, with the front matter that model hubs read."""

from freqbias.nn.network_description import NetworkDescription

CARD = """---
library_name: freqbias
tags: [coordinate-network, fourier-features]
---
# {name}

A Fourier Features network of {size}. It maps {dimension} {coordinates}{unit} to {channels} {values}.

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
    deep = f", and {network.depth - 2} hidden layers of {network.hidden_width} ({network.activation})"
    return CARD.format(
        name=provenance.get("name", "network"),
        size=f"{network.width} frequencies" + (deep if network.depth > 2 else ""),
        dimension=description.dimension,
        coordinates="coordinate" if description.dimension == 1 else "coordinates",
        unit=f" [{description.unit}]" if description.unit else "",
        channels=description.channels,
        values="value" if description.channels == 1 else "values",
        convention=description.convention,
    )
