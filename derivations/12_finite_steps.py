# %% [markdown]
# # 12. Finite steps and their drift
#
# **Assumed.** One Euler step $W_l^+=W_l+\eta V_l$ of all layers at once, $V_l=-G_l$ the velocity of the flow at the old
# weights, of the whole data set or of any minibatch.
#
# **To show.** (a) Under feedback alignment $Q_l^+-Q_l=\eta^2G_lG_l^\top$, exactly: a drift with a sign. (b) It adds up
# to $O(\eta)$, and lowers the floor of alignment. (c) What it does to one mode. (d) Two ways of stepping that leave no
# drift or another one: the implicit midpoint, and momentum.
#
# Statements: `robertson2024.discrete-drift`, `girotti2021.discrete-identities`. The second belongs to the claim of the
# abstract of Girotti, Mitliagkas and Gidel (2021) on convergence in discrete time; all of it was derived for this
# project.

# %%
import warnings

import numpy as np
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.derive import words as w
from fa_dynamics.derive.finite_step import step_drift, velocity_symbol

flow = fa.derive(depth=3, rule="fa")
network = flow.network
Q_1 = flow.invariants()[0]
law = w.expand(Q_1.expression)

# %% [markdown]
# ## (a) The drift
#
# $Q_l=W_lW_l^\top-B_{l+1}W_{l+1}-W_{l+1}^\top B_{l+1}^\top$ has degree 2 in the weights. Put $W+\eta V$ into it and
# sort by powers of $\eta$. The first power is the time derivative along the flow, which is zero (page 4). What is left
# is the square of the step, $\eta^2V_lV_l^\top$; the other terms are linear in the weights and leave no square.

# %%
eta = sp.Symbol("eta", positive=True)
V = {matrix: velocity_symbol(matrix) for matrix in flow.state}
stepped = {matrix: w.expand(matrix + eta * moving) for matrix, moving in V.items()}
change = w.subtract(w.substitute(law, stepped), law)
linear = w.add({word: value.coeff(eta, 1) for word, value in change.items()})
quadratic = w.add({word: value.coeff(eta, 2) for word, value in change.items()})
flow_velocity = {V[matrix]: w.expand(moving) for matrix, moving in flow.factored.items()}
assert w.substitute(linear, flow_velocity) == {}
V_1 = V[network.W(1)]
assert quadratic == w.expand(V_1 * V_1.T)
assert step_drift(flow, Q_1).quadratic == V_1 * V_1.T
step_drift(flow, Q_1).quadratic

# %% [markdown]
# **No data were used**: the identity holds for each minibatch with its own $G$. The drift is positive semidefinite, and
# so only grows. Backpropagation has the indefinite drift $\eta^2(G_lG_l^\top-G_{l+1}^\top G_{l+1})$.

# %%
downhill = fa.derive(depth=3, rule="bp")
bp_drift = step_drift(downhill, downhill.invariants()[0]).quadratic
V_2 = V[network.W(2)]
assert w.subtract(w.expand(bp_drift), w.expand(V_1 * V_1.T - V_2.T * V_2)) == {}
bp_drift

# %% [markdown]
# ## (b) How much it is
#
# A time $T$ takes $T/\eta$ steps of $\eta^2|G|^2$ each: $O(\eta)$ in all. Half the step, half the drift; we see it on
# generic data, and that it adds up to the sum of the squares.

# %%
random = np.random.default_rng(4)
x = random.standard_normal((15, 4))
task = fa.Task.from_arrays(x, x @ random.standard_normal((4, 3)))
drifts = []
for step_size in (0.02, 0.01):
    n_steps = round(2.0 / step_size)
    options = {"step_size": step_size, "n_steps": n_steps, "record": n_steps + 1, "seed": 3}
    run = fa.iterate(task, (6,), "fa", fa.starts.Gaussian(0.5), **options)
    first, second, back = *run.weights, run.feedback["B_2"]
    Q = first @ np.swapaxes(first, 1, 2) - back @ second - np.swapaxes(back @ second, 1, 2)
    moves = np.diff(first, axis=0)
    assert np.abs(Q[-1] - Q[0] - (moves @ np.swapaxes(moves, 1, 2)).sum(axis=0)).max() < 1e-12
    assert np.linalg.eigvalsh(Q[-1] - Q[0]).min() > -1e-12
    drifts.append(np.linalg.norm(Q[-1] - Q[0]))
assert abs(drifts[0] / drifts[1] - 2) < 0.2

# %% [markdown]
# For neuron $i$ the diagonal reads $a_i(t)=a_i(0)+\tfrac12|w_i(t)|^2-\tfrac12|w_i(0)|^2-\tfrac12\eta^2\sum|g_i|^2$: the
# floor of page 4 sinks by the last term, no more. (`run` below is the one with the smaller step.)

# %%
alignment = np.einsum("ij,tji->ti", back, second)
spent = np.concatenate([np.zeros((1, 6)), (moves**2).sum(axis=2).cumsum(axis=0)]) / 2
half_norm = (first**2).sum(axis=2) / 2
assert np.abs(alignment - (alignment[0] + half_norm - half_norm[0] - spent)).max() < 1e-12
assert (alignment >= alignment[0] - half_norm[0] - spent[-1]).all()

# %% [markdown]
# ## (c) One mode
#
# With $k=\theta_1^2-2b\theta_2$ (page 6), $e=\sigma-\lambda p$, $x=\theta_1$ and the slope $S=b\theta_2+x^2$, a step
# gives exactly
#
# $$k^+=k+\eta^2b^2e^2,\qquad e^+=e\,\big[1-\eta\lambda\,(S+\eta\,b\,x\,e)\big].$$

# %%
chain = fa.derive(depth=2, rule="fa").chain()
theta_1, theta_2 = chain.weights
b, sigma, lam = chain.feedback[0], chain.correlation, chain.curvature
after = {theta: theta + eta * chain.velocity[theta] for theta in chain.weights}


def step(expression):
    return expression.subs(after, simultaneous=True)


e, k, S = sigma - lam * chain.strength, theta_1**2 - 2 * b * theta_2, b * theta_2 + theta_1**2
assert sp.expand(step(k) - k - eta**2 * b**2 * e**2) == 0
factor = 1 - eta * lam * (S + eta * b * theta_1 * e)
assert sp.expand(step(e) - e * factor) == 0
factor

# %% [markdown]
# From zero weights the first factor is exactly 1: nothing is learned in the first step, in which only the lower layer
# moves. Near a rest point with slope $S_*$ the factor is $1-\eta\lambda S_*$, so that $\eta<2/(\lambda S_*)$ is
# necessary. It is not sufficient, because $k$ drifts upward and with it $S_*$: from zero, linear theory allows
# $h=\eta\lambda^{1/3}(b\sigma)^{2/3}<0.840$, while runs converge up to $0.646$ only.

# %%
assert factor.subs({theta_1: 0, theta_2: 0}) == 1
x_rest = sp.Symbol("x", positive=True)
on_leaf = {theta_2: theta_1**2 / (2 * b)}  # k = 0, which ends at theta_1 = (2 b sigma / lambda)^(1/3)
slope = S.subs(on_leaf).subs(theta_1, sp.cbrt(2) * x_rest)
assert sp.expand(slope - sp.Rational(3, 2) * 2 ** sp.Rational(2, 3) * x_rest**2) == 0
assert abs(2 / (1.5 * 2 ** (2 / 3)) - 0.840) < 1e-3
one = fa.Task.from_spectrum([1.0])
unit = {"start": fa.starts.Zero(), "feedback": [[[1.0]]], "n_steps": 1000}
assert fa.iterate(one, (1,), "fa", step_size=0.64, **unit).loss[-1] < 1e-12
with warnings.catch_warnings(record=True) as told:  # the package says when a run leaves
    warnings.simplefilter("always")
    assert fa.iterate(one, (1,), "fa", step_size=0.66, **unit).status == "diverged"
assert len(told) == 1

# %% [markdown]
# ## (d) Other steps
#
# **Implicit midpoint**, $D=\eta V(\bar W)$ with $\bar W=\tfrac12(W+W^+)$: for any function of degree 2 the difference
# between the ends is the derivative in the middle, $Q(\bar W+\tfrac12D)-Q(\bar W-\tfrac12D)=DQ(\bar W)[D]$, and that is
# zero. No drift.

# %%
ends = [{m: w.expand(m + sign * moving / 2) for m, moving in V.items()} for sign in (1, -1)]
between = w.subtract(*(w.substitute(law, end) for end in ends))
assert w.subtract(between, w.lie_derivative(law, {m: w.expand(moving) for m, moving in V.items()})) == {}
assert w.substitute(between, flow_velocity) == {}

# %% [markdown]
# **Momentum**, $\ddot W_l+\mu\dot W_l=-G_l$. The weights now have velocities $V_l$ of their own,
# $\dot V_l=-\mu V_l-G_l$. Two derivatives of $Q_l$, in which the $G$ cancel as on page 4, leave
#
# $$\ddot Q_l+\mu\dot Q_l=2\,\dot W_l\dot W_l^\top\succeq0 ,$$
#
# so that from rest $Q_l$ can only grow: friction and inertia act like a finite step.

# %%
mu = sp.Symbol("mu", positive=True)
inertia = {matrix: w.expand(moving) for matrix, moving in V.items()}
inertia |= {V[m]: w.add(w.expand(force), w.scale(w.expand(V[m]), -mu)) for m, force in flow.factored.items()}
once = w.lie_derivative(law, inertia)
twice = w.lie_derivative(once, inertia)
assert w.subtract(w.add(twice, w.scale(once, mu)), w.expand(2 * V_1 * V_1.T)) == {}
2 * V_1 * V_1.T
