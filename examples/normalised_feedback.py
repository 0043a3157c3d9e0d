"""A learning rule of your own, in one class: column-normalised feedback.

Backpropagation sends the transposed weights W_l^T back. This rule sends back their directions only: unit i of the
layer below listens along its own outgoing weights w_i (column i of W_l), scaled to length one,

    column i of feedback^T  =  w_i / |w_i| .

From the class below the package derives the flow at every depth, verifies the conservation law, and simulates it::

    import fa_dynamics as fa

    flow = fa.derive(depth=2, rule="examples/normalised_feedback.py:NormalisedFeedback")
    print(flow)
    print(*flow.invariants())

Three things make the rule. Only the first is needed; leave out the others and see what you lose.
"""

import sympy as sp
from sympy.matrices.expressions import DiagMatrix, DiagonalOf, HadamardPower

from fa_dynamics.derive import Rule


class NormalisedFeedback(Rule):
    """The columns of the weights, scaled to length one, go back."""

    name = "normalised"

    # Lengths of single columns depend on the coordinates: a rotation of the hidden units changes them, a permutation
    # or a change of signs does not. Hence no scalar chain in a general joint singular basis.
    equivariance = "signed permutations"

    def feedback(self, network, layer):
        """What goes back in the place of W_l^T: the same matrix, every row divided by its length.

        W^T W holds the squared lengths of the columns of W on its diagonal. Everything is a SymPy matrix expression of
        symbolic shape, so that one definition serves all sizes. A column of zeros has no direction: start elsewhere.
        """
        weight = network.W(layer)
        squared_lengths = DiagonalOf(weight.T * weight)
        return DiagMatrix(HadamardPower(squared_lengths, sp.Rational(-1, 2))) * weight.T

    def potential(self, column):
        """Psi(w) = |w|, for the gradient of the length of w is w / |w|, which is what goes back.

        A rule whose feedback is such a gradient conserves 1/2 |row_i W_l|^2 - Psi(column i of W_{l+1}) for every hidden
        unit i: half the squared length of its incoming weights, minus the length of its outgoing ones. The package
        proves it before it believes it; see ``flow.invariants()``.
        """
        return sp.sqrt(sum(weight**2 for weight in column))
