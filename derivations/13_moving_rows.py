# %% [markdown]
# # 13. What stands still under fixed feedback
#
# **Assumed.** A linear network of any depth and widths, any second moments of the data, feedback that is fixed
# (feedback alignment or direct feedback alignment); weight decay from (e) on.
#
# **To show.** (a) The flow keeps its form under an orthogonal change of basis of the inputs and of every hidden layer.
# (b) In a suitable basis of layer $l<L$ only the first $n_L$ rows of $W_l$ ever move. (c) Inputs may be taken as
# uncorrelated. (d) Both together leave far fewer numbers to integrate, and nothing is approximated. (e) With weight
# decay the other rows shrink by a known factor, and as few numbers are left.
#
# Behind (b) is the constant factor that also gives the conserved matrix of page 4: `robertson2024.matrix-law`.

# %%
import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

import fa_dynamics as fa
from fa_dynamics.derive import words as w
from fa_dynamics.derive.compile import compile_flow
from fa_dynamics.derive.moving_rows import keeps_form, moving_rows

flow = fa.derive(depth=3, rule="fa")
network = flow.network
W1, W2, W3 = network.weights
B2, B3, E = network.B(2), network.B(3), network.error_symbol
assert w.expand(flow.factored[W1]) == w.expand(B2 * B3 * E)
assert w.expand(flow.factored[W2]) == w.expand(B3 * E * W1.T)
flow

# %% [markdown]
# ## (a) Orthogonal changes of basis keep the form
#
# Let $Q_0,Q_1,Q_2$ be orthogonal, and put $W_1=Q_1W_1'Q_0^\top$, $W_2=Q_2W_2'Q_1^\top$, $W_3=W_3'Q_2^\top$, likewise
# $B_2=Q_1B_2'Q_2^\top$, $B_3=Q_2B_3'$, $\Sigma_{xx}=Q_0\Sigma_{xx}'Q_0^\top$, $\Sigma_{yx}=\Sigma_{yx}'Q_0^\top$.
# Wherever two factors meet, $Q^\top Q=I$. First the error $E=\Sigma_{yx}-W_3W_2W_1\Sigma_{xx}$:

# %%
n0, n1, n2, n3 = network.sizes
Q0, Q1, Q2 = (sp.MatrixSymbol(f"Q_{layer}", size, size) for layer, size in enumerate((n0, n1, n2)))
turned = {
    W1: w.expand(Q1 * W1 * Q0.T),
    W2: w.expand(Q2 * W2 * Q1.T),
    W3: w.expand(W3 * Q2.T),
    B2: w.expand(Q1 * B2 * Q2.T),
    B3: w.expand(Q2 * B3),
    E: w.expand(E * Q0.T),
    network.input_moment: w.expand(Q0 * network.input_moment * Q0.T),
    network.cross_moment: w.expand(network.cross_moment * Q0.T),
}


def without_pairs(words):
    """Q^T Q = 1 wherever the two meet."""
    for matrix in (Q0, Q1, Q2):
        pair = (matrix.T, matrix)
        while any(pair == word[i : i + 2] for word in words for i in range(len(word))):
            at = {word: next((i for i in range(len(word)) if word[i : i + 2] == pair), None) for word in words}
            words = w.add(*({k if at[k] is None else k[: at[k]] + k[at[k] + 2 :]: v} for k, v in words.items()))
    return words


assert without_pairs(w.substitute(w.expand(flow.error), turned)) == w.multiply(w.expand(flow.error), w.expand(Q0.T))
flow.error

# %% [markdown]
# And the velocities: with primed matrices put in, $\dot W_l$ becomes $Q_l\,(\dots)\,Q_{l-1}^\top$ of the same
# expression in primed matrices.

# %%
velocity = {matrix: w.expand(expression) for matrix, expression in flow.factored.items()}
assert without_pairs(w.substitute(velocity[W1], turned)) == w.multiply(w.expand(Q1), velocity[W1], w.expand(Q0.T))
assert without_pairs(w.substitute(velocity[W2], turned)) == w.multiply(w.expand(Q2), velocity[W2], w.expand(Q1.T))
assert without_pairs(w.substitute(velocity[W3], turned)) == w.multiply(velocity[W3], w.expand(Q2.T))
flow.factored[W2]

# %% [markdown]
# The package proves this for every flow before it uses it. Sign feedback reads single entries of the hidden weights: it
# keeps its form in other bases of the inputs only.

# %%
for rule in ("bp", "fa", "dfa", "kp"):
    assert all(keeps_form(fa.derive(depth, rule), tuple(range(depth))) for depth in (1, 2, 3, 4))
assert keeps_form(fa.derive(3, "sign"), (0,))
assert not keeps_form(fa.derive(3, "sign"), (0, 1, 2))

# %% [markdown]
# ## (b) Only $n_L$ rows move
#
# The velocity of $W_l$, $l<L$, begins with a constant matrix $C_l$ of $n_L$ columns: $C_1=B_2B_3$, $C_2=B_3$. Its
# columns span at most $n_L$ directions, so $W_l(t)-W_l(0)$ never leaves them. Let the first columns of $Q_l$ span
# them (a QR decomposition): $Q_l^\top C_l=\binom{R_l}{0}$. Then
#
# $$\frac{d}{dt}\big(Q_l^\top W_l\big)=\binom{R_l}{0}\,E\,(\dots)$$
#
# and every row below the $n_L$-th stands still. The package finds $C_l$ in the derived velocity and puts $R_l$ there.

# %%
found = moving_rows(flow)
R1, R2 = found.stand_in[W1], found.stand_in[W2]
assert found.constants == {W1: B2 * B3, W2: B3}
assert (R1.shape[1], R2.shape[1]) == (n3, n3)
assert found.velocity[W1] == w.expand(R1 * E)
assert found.velocity[W2] == w.expand(R2 * E * W1.T)
assert found.velocity[W3] == w.expand(E * W1.T * W2.T)  # of the last layer all rows move
sp.Matrix([R1.shape, R2.shape])

# %% [markdown]
# Backpropagation sends back $(W_3W_2)^\top$, which moves: there all rows move.

# %%
assert not moving_rows(fa.derive(3, "bp")).constants
direct = moving_rows(fa.derive(3, "dfa"))
assert list(direct.constants) == [W1, W2]
direct.constants[W1]

# %% [markdown]
# ## (c) Uncorrelated inputs
#
# Take for $Q_0$ the eigenvectors of $\Sigma_{xx}$: then $\Sigma_{xx}'$ is diagonal, and $P\Sigma_{xx}'$ scales columns:
# $n_Ln_0$ multiplications in the place of $n_Ln_0^2$.
#
# ## (d) What is left
#
# For widths 784-256-256-10, of 268,800 weights there move

# %%
sizes = (784, 256, 256, 10)
whole = sum(above * below for above, below in zip(sizes[1:], sizes[:-1], strict=True))
moving = sum(sizes[-1] * below for below in sizes[:-1])
assert (whole, moving) == (268_800, 12_960)
sp.Rational(moving, whole)

# %% [markdown]
# `simulate` does this by itself for networks that are large enough to gain by it, and rebuilds the weights when they
# are asked for. A run of a smaller network shows it; the same start with all weights, integrated by SciPy from the
# velocity as it was derived, ends at the same place.

# %%
random = np.random.default_rng(0)
inputs = random.standard_normal((200, 12)) @ random.standard_normal((12, 12)) / 3
task = fa.Task.from_arrays(inputs, inputs @ random.standard_normal((12, 3)))
run = fa.simulate(task, (20, 16), "fa", fa.starts.Gaussian(0.3), t_end=2.0, t_eval=[0.0, 2.0])
assert [matrix.shape[1:] for matrix in run.history.moving] == [(3, 12), (3, 20), (3, 16)]

compiled = compile_flow(run.flow, run.sizes)
bound = compiled.bind(dict(run.feedback) | {"Sigma_xx": task.input_moment, "Sigma_yx": task.cross_moment}, np.empty)


def all_weights(t, y):
    out = np.empty_like(y)
    parts = [np.split(v, np.cumsum([240, 320])) for v in (y, out)]
    bound(*([p.reshape(s) for p, s in zip(part, compiled.shapes, strict=True)] for part in parts))
    return out


begin = np.concatenate([weight[0].ravel() for weight in run.weights])
end = solve_ivp(all_weights, (0, 2), begin, "DOP853", rtol=1e-10, atol=1e-13).y[:, -1]
assert np.allclose(end, np.concatenate([weight[1].ravel() for weight in run.weights]), rtol=0, atol=1e-7)

# %% [markdown]
# ## (e) Weight decay
#
# A decay adds $-\rho_lW_l$ to the velocity, and $Q_l^\top(\rho_lW_l)Q_{l-1}=\rho_lW_l'$: the form is kept as in (a).
# Now
#
# $$\frac{d}{dt}\binom{M_l}{S_l}=\binom{R_l}{0}\,E\,(\dots)-\rho_l\binom{M_l}{S_l},$$
#
# so that the rows $S_l$ below the $n_L$-th are no longer constant, but known: $S_l(t)=e^{-\rho_lt}S_l(0)$. In other
# words $W_l'=F_l\binom{M_l}{S_l(0)}$ with the diagonal matrix $F_l=\mathrm{diag}(1,\dots,1,e^{-\rho_lt},\dots)$, which
# never needs to be multiplied by a large matrix: in every product it may go to the neighbour that has few rows.

# %%
decaying = fa.derive(3, "fa", decay=True)
assert keeps_form(decaying, (0, 1, 2))
t, rho = sp.symbols("t rho", nonnegative=True)
S = sp.Function("S")(t)
assert sp.dsolve(sp.diff(S, t) + rho * S, S, ics={S.subs(t, 0): 1}).rhs == sp.exp(-rho * t)

found = moving_rows(decaying)
rho1, rho2, rho3 = decaying.decay_rates
R1, R2, M1, M2, F1, F2 = (part[W] for part in (found.stand_in, found.first_rows, found.fading) for W in (W1, W2))
assert found.velocity[W1] == w.expand(R1 * E - rho1 * M1)
assert found.velocity[W2] == w.expand(R2 * E * W1.T * F1 - rho2 * M2)
assert found.velocity[W3] == w.expand(E * W1.T * F1 * W2.T * F2 - rho3 * W3)
assert found.error == w.expand(network.cross_moment - W3 * F2 * W2 * F1 * W1 * network.input_moment)
found.velocity[W2]

# %% [markdown]
# The run of (d) once more with decay, beside all weights, of which the last layer decays too:

# %%
rates = (0.5, 0.2, 0.1)
run = fa.simulate(task, (20, 16), "fa", fa.starts.Gaussian(0.3), t_end=2.0, t_eval=[0.0, 2.0], decay=rates)
assert [matrix.shape[1:] for matrix in run.history.moving] == [(3, 12), (3, 20), (3, 16)]
assert np.allclose(run.history.left[0], np.exp(-0.5 * run.t), rtol=1e-15)
decays = np.repeat(rates, [240, 320, 48])
end = solve_ivp(lambda t, y: all_weights(t, y) - decays * y, (0, 2), begin, "DOP853", rtol=1e-10, atol=1e-13).y[:, -1]
assert np.allclose(end, np.concatenate([weight[1].ravel() for weight in run.weights]), rtol=0, atol=1e-7)

# %% [markdown]
# **Exercise.** Which rows of $W_1$ move under direct feedback alignment with $D_1=0$? What does the first integral of
# page 4 say about the rows that stand still?
