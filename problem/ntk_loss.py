"""The loss of a differential operator and its boundary, with the NTK weights of the network."""

from freqbias.numerics import OperatorRows
from freqbias.problem.laws import Laws
from freqbias.problem.operator_kernel import ntk_weights
from freqbias.problem.training_loss import BlockSquare


class NtkBlockSquare(BlockSquare):
    """The `BlockSquare` with the weights `ntk_weights` of a network at infinite width.

    laws: those of the network. rows: the samples.
    """

    def __init__(self, laws: Laws, rows: OperatorRows) -> None:
        super().__init__(rows.sizes, ntk_weights(laws, rows))
        self._rows = rows

    def for_laws(self, laws: Laws) -> "NtkBlockSquare":
        return NtkBlockSquare(laws, self._rows)
