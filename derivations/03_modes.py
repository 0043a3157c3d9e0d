# %% [markdown]
# # 3. Decoupling into modes
#
# **Assumed.** The flow of page 2, and data whose moments are diagonal in joint bases: $\Sigma_{xx}=U_0\Lambda U_0^\top$
# and $\Sigma_{yx}=U_LSU_0^\top$ with $\Lambda,S$ diagonal (this is possible iff $\Sigma_{xx}$ commutes with
# $\Sigma_{yx}^\top\Sigma_{yx}$, page 10).
#
# **To show.** (a) If weights and feedback share inner bases, $W_l=U_l\Theta_lU_{l-1}^\top$ and
# $B_l=U_{l-1}\beta_lU_l^\top$ with diagonal $\Theta_l,\beta_l$, they do so for ever, and each mode obeys a scalar chain
# of its own. (b) One off-diagonal entry breaks this at once. (c) From zero weights feedback need not be aligned.
#
# Statements: `girotti2021.mode-decoupling`, `girotti2021.zero-decoupling`. They are our own precise forms of what the
# abstract of Girotti, Mitliagkas and Gidel (2021) needs in order to speak of components that are learned.

# %%
import numpy as np
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.derive import words as w
from fa_dynamics.derive.conservation import explicit_form
from fa_dynamics.derive.reduction import lift
from fa_dynamics.systems.aligned import aligned_network

flow = fa.derive(depth=3, rule="fa")
network = flow.network

# %% [markdown]
# ## (a) A change of bases maps the flow to itself
#
# Put the spectral form into the derived velocity and turn the result back, $U_l^\top\dot W_lU_{l-1}$. Wherever two
# factors meet, $U_j^\top U_j=I$ cancels. If what is left is the same flow with the small letters in the place of the
# large ones, then $\Theta_l$ moves as weights do that never heard of bases.

# %%
U = [sp.MatrixSymbol(f"U_{j}", network.n(j), network.n(j)) for j in range(4)]


def turned(matrix, left, right):
    """The words of U_left * matrix * U_right^T."""
    return w.multiply(w.expand(U[left]), w.expand(matrix), w.expand(U[right].T))


def cancel(words):
    """Use U^T U = I in every word."""
    total = {}
    for word, coefficient in words.items():
        place = 0
        while place < len(word) - 1:
            if word[place] in [u.T for u in U] and word[place].arg == word[place + 1]:
                word, place = word[:place] + word[place + 2 :], max(place - 1, 0)
            else:
                place += 1
        total = w.add(total, {word: coefficient})
    return total


form = {network.W(j): turned(network.W(j), j, j - 1) for j in (1, 2, 3)}
form |= {network.B(j): turned(network.B(j), j - 1, j) for j in (2, 3)}
form[network.input_moment] = turned(network.input_moment, 0, 0)
form[network.cross_moment] = turned(network.cross_moment, 3, 0)
for rule in ("fa", "bp"):
    for layer, velocity in enumerate(fa.derive(depth=3, rule=rule).velocity, start=1):
        rotated = w.substitute(w.expand(velocity), form)
        back = cancel(w.multiply(w.expand(U[layer].T), rotated, w.expand(U[layer - 1])))
        assert w.subtract(back, w.expand(velocity)) == {}

# %% [markdown]
# So we may work in the bases, where every matrix of the problem is diagonal at the start. Products and transposes of
# diagonal matrices are diagonal; hence so is every velocity. A step of any size keeps the weights diagonal, and so does
# the flow. Two modes are enough to see it. We write all matrices out and compare each diagonal entry with the chain
# that the package derives for one mode.

# %%
chain = flow.chain()
sizes = dict.fromkeys(network.sizes, 2)
every = [matrix.name for matrix in (*flow.state, *flow.feedback)] + ["Sigma_xx", "Sigma_yx"]
values = {name: sp.diag(*sp.symbols(f"{name}_1:3", real=True)) for name in every}
names = dict(zip((*chain.weights, *chain.feedback), (*network.weights, network.B(2), network.B(3)), strict=True))
for layer, velocity in enumerate(flow.velocity):
    written = explicit_form(velocity, sizes, values)
    assert written[0, 1] == written[1, 0] == 0
    for mode in (0, 1):
        entry = {symbol: values[matrix.name][mode, mode] for symbol, matrix in names.items()}
        entry |= {chain.correlation: values["Sigma_yx"][mode, mode], chain.curvature: values["Sigma_xx"][mode, mode]}
        assert sp.expand(written[mode, mode] - chain.velocity[chain.weights[layer]].subs(entry)) == 0
chain

# %% [markdown]
# In this chain $\sigma$ is the mode's correlation, $\lambda$ its curvature, $p=\theta_3\theta_2\theta_1$ its strength,
# and all layers share the error $e=\sigma-\lambda p$. The mode is learned when $p=s:=\sigma/\lambda$.
#
# ## (b) What breaks
#
# A single off-diagonal entry $\epsilon$ in $\Sigma_{yx}$ gives the first layer an off-diagonal velocity at once.

# %%
epsilon = sp.Symbol("epsilon", real=True)
mixed = values | {"Sigma_yx": values["Sigma_yx"] + sp.Matrix([[0, epsilon], [0, 0]])}
leak = explicit_form(flow.velocity[0], sizes, mixed)[0, 1]
assert sp.diff(leak, epsilon) != 0
leak

# %% [markdown]
# ## (c) From zero, orientation does not matter
#
# Two layers, $W_1=W_2=0$ at the start, *any* feedback $B=B_2$. Try $W_1=B A_1$ and $W_2=A_2B^\top$, with $A_1$ and
# $A_2$ moving. The package puts this form into the flow and asserts that nothing leaves it:

# %%
two = fa.derive(depth=2, rule="fa")
B = two.network.B(2)
A_1 = sp.MatrixSymbol("A_1", two.network.n(2), two.network.n(0))
A_2 = sp.MatrixSymbol("A_2", two.network.n(2), two.network.n(2))
factors = lift(two, {two.network.W(1): B * A_1, two.network.W(2): A_2 * B.T}, {A_1, A_2}, {})
assert factors.velocity[A_1] == w.expand(factors.error_symbol)
assert factors.velocity[A_2] == w.expand(factors.error_symbol * A_1.T)
assert factors.error == w.expand(two.network.cross_moment - A_2 * B.T * B * A_1 * two.network.input_moment)

# %% [markdown]
# Hence $\dot A_1=E$, $\dot A_2=EA_1^\top$ and $P=A_2\Gamma A_1$ with $\Gamma=B^\top B$: feedback is seen only through
# $\Gamma$. If $\Gamma=gI$ and the data are jointly diagonal, $A_1,A_2$ stay diagonal in the bases of the *data*, and
# $\theta_1=\sqrt g\,a_1$, $\theta_2=\sqrt g\,a_2$ obey the scalar chain with $b_2=\sqrt g$:

# %%
a_1, a_2, sigma, lam = sp.symbols("a_1 a_2 sigma lambda", real=True)
g = sp.Symbol("g", positive=True)
scalar = two.chain()
theta = {scalar.weights[0]: sp.sqrt(g) * a_1, scalar.weights[1]: sp.sqrt(g) * a_2, scalar.feedback[0]: sp.sqrt(g)}
error = sigma - lam * g * a_2 * a_1
moved = [sp.sqrt(g) * error, sp.sqrt(g) * error * a_1]
for weight, velocity in zip(scalar.weights, moved, strict=True):
    expected = scalar.velocity[weight].subs({scalar.correlation: sigma, scalar.curvature: lam} | theta)
    assert sp.simplify(velocity - expected) == 0

# %% [markdown]
# **A second opinion by integration.** A network with random inner bases and feedback of both signs in these bases,
# integrated as matrices, against three scalar chains solved one by one.

# %%
task = fa.Task.from_spectrum([4.0, 2.0, 1.0], curvatures=[1.0, 2.0, 0.5])
start = np.array([[0.3, -0.2, 0.1], [0.4, 0.5, -0.1], [0.2, 0.1, 0.3]])
feedback = np.array([[1.0, -0.8, 1.2], [0.7, 1.1, -0.9]])
drawn = aligned_network(task, (5, 4), start, seed=1)
run = fa.simulate(task, (5, 4), "fa", drawn.weights, drawn.shared_feedback(feedback), t_end=4.0)
curves = fa.solve_modes([4, 2, 1], [1, 2, 0.5], depth=3, start=start, feedback=feedback, t=run.t)
assert np.abs(run.mode_strength - curves.strength).max() < 1e-7
assert np.ptp(curves.strength, axis=0).min() > 0.1  # and something happened
