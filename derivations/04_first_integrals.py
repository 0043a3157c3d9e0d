# %% [markdown]
# # 4. First integrals
#
# **Assumed.** The flow $\dot W_l=C_lE(W_{l-1}\cdots W_1)^\top$ with $C_l=B_{l+1}C_{l+1}$. Nothing about the data, and
# nothing about $E$: any output error signal will do.
#
# **To show.** For every hidden layer the symmetric matrix
#
# $$Q_l=W_lW_l^\top-B_{l+1}W_{l+1}-W_{l+1}^\top B_{l+1}^\top$$
#
# is constant. Its diagonal is a law per neuron, its trace a law per layer. Conversely, a search over all polynomials
# finds no further law. Then: what the laws say about alignment.
#
# Statements: `robertson2024.pointwise-identity`, `robertson2024.matrix-law`, `robertson2024.neuron-law`,
# `robertson2024.alignment-floor`, `girotti2021.first-integrals`. They realise the claim in the abstract of Robertson
# and Koyejo (2024) that a conservation law maintains alignment; the forms and proofs here are this project's.

# %%
import numpy as np
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.derive import words as w
from fa_dynamics.derive.conservation import explicit_form, pointwise_defect, rate_of_change

flow = fa.derive(depth=3, rule="fa")
network = flow.network

# %% [markdown]
# ## The identity behind it
#
# Multiply the velocity of layer $l$ by $W_l^\top$ from the right, that of layer $l+1$ by $B_{l+1}$ from the left:
#
# $$\dot W_lW_l^\top=B_{l+1}C_{l+1}\,E\,(W_l\cdots W_1)^\top=B_{l+1}\dot W_{l+1} .$$
#
# The two sides are the same product, bracketed in two ways. It holds in every instant, for every sample and for every
# rule that sends back a product with one factor per layer, whatever the factors are.

# %%
for rule in ("fa", "bp", "sign", "kp"):
    for layer in (1, 2):
        assert pointwise_defect(fa.derive(depth=3, rule=rule), layer) == {}
sp.Eq(flow.velocity[0] * network.W(1).T, network.B(2) * flow.velocity[1], evaluate=False)

# %% [markdown]
# ## The matrix law
#
# Now differentiate $Q_l$. Since $B_{l+1}$ is fixed,
#
# $$\dot Q_l=\big(\dot W_lW_l^\top-B_{l+1}\dot W_{l+1}\big)+\big(\dot W_lW_l^\top-B_{l+1}\dot W_{l+1}\big)^\top=0 .$$
#
# The package multiplies out the time derivative into words of non-commuting matrices; all of them cancel.


# %%
def law(layer):
    below, above, back = network.W(layer), network.W(layer + 1), network.B(layer + 1)
    return below * below.T - back * above - above.T * back.T


for layer in (1, 2):
    assert rate_of_change(flow, law(layer)) == {}
    assert flow.invariants()[layer - 1].expression == law(layer)
law(1)

# %% [markdown]
# Only the symmetric part of $B_{l+1}W_{l+1}$ is bound in this way. Its antisymmetric part moves freely:

# %%
assert rate_of_change(flow, network.B(2) * network.W(2) - network.W(2).T * network.B(2).T) != {}

# %% [markdown]
# ## Neurons and layers
#
# The diagonal of $Q_l$ belongs to single neurons: half of it is $q_{l,i}=\tfrac12|\mathrm{row}_iW_l|^2-a_{l,i}$ with
# the neuron alignment $a_{l,i}=(B_{l+1}W_{l+1})_{ii}$, incoming weights against outgoing weights times feedback. Half
# of the trace is the sum over the layer. Two hidden neurons, three inputs, two outputs, written out:

# %%
two = fa.derive(depth=2, rule="fa")
W_1 = sp.Matrix(2, 3, sp.symbols("u:6"))
W_2, B_2 = (sp.Matrix(2, 2, sp.symbols(f"{name}:4")) for name in "vb")
shape = {two.network.n(0): 3, two.network.n(1): 2, two.network.n(2): 2}
written = explicit_form(two.invariants()[0].expression, shape, {"W_1": W_1, "W_2": W_2, "B_2": B_2})
for neuron in (0, 1):
    incoming = sum(entry**2 for entry in W_1[neuron, :]) / 2
    alignment = (B_2[neuron, :] * W_2[:, neuron])[0]
    assert sp.expand(written[neuron, neuron] / 2 - (incoming - alignment)) == 0
assert sp.expand(written.trace() / 2 - ((W_1 * W_1.T).trace() / 2 - (B_2 * W_2).trace())) == 0

# %% [markdown]
# ## Discovered, not guessed
#
# In one mode (page 3) the law is $k_l=\theta_l^2-2b_{l+1}\theta_{l+1}$. Suppose we did not know it. Write a polynomial
# of degree 2 with unknown coefficients; its time derivative must vanish identically, which is a linear system for the
# coefficients. Its nullspace, in exact arithmetic:

# %%
chain = flow.chain()
found = chain.invariants(degree=2)
k = [chain.weights[j] ** 2 - 2 * chain.feedback[j] * chain.weights[j + 1] for j in (0, 1)]
assert found.dimension == 2
assert all(sp.cancel(found.generators[j] / k[j]).is_number for j in (0, 1))
sp.Tuple(*found.generators)

# %% [markdown]
# Three weights move and two independent quantities are constant: orbits are curves, and there is no room for a third.
# Going to degree 4 only adds products of these two.

# %%
assert len(chain.invariants(degree=4, variables=[*chain.weights, *chain.feedback]).generators) == 2
assert sp.Matrix(k).jacobian(list(chain.weights)).rank() == 2

# %% [markdown]
# ## What the law says about alignment
#
# Let $w_i$ be the incoming weights of neuron $i$. Constancy of $q_{l,i}$ reads
#
# $$a_{l,i}(t)=a_{l,i}(0)+\tfrac12|w_i(t)|^2-\tfrac12|w_i(0)|^2\ \ge\ a_{l,i}(0)-\tfrac12|w_i(0)|^2 .$$
#
# Alignment can fall only as far as the incoming weights can shrink: there is a *floor*. From zero weights,
# $B_{l+1}W_{l+1}+(\cdot)^\top=W_lW_l^\top\succeq0$: what is learned below appears as alignment above. We integrate a
# generic network, with data that do not decouple, and look at the floor and at the law.

# %%
random = np.random.default_rng(2)
x = random.standard_normal((20, 4))
task = fa.Task.from_arrays(x, np.c_[x[:, 0] * 2 - x[:, 1], x[:, 2] + 0.5 * x[:, 0], x[:, 3]])
run = fa.simulate(task, (5,), "fa", fa.starts.Gaussian(0.5), t_end=10.0, seed=4)
first, second, back = *run.weights, run.feedback["B_2"]
gained = first @ np.swapaxes(first, 1, 2) - back @ second - np.swapaxes(back @ second, 1, 2)
assert np.abs(gained - gained[0]).max() < 1e-8
alignment = np.einsum("ij,tji->ti", back, second)
floor = alignment[0] - 0.5 * (first[0] ** 2).sum(axis=1)
assert (alignment >= floor).all()
assert np.ptp(alignment, axis=0).min() > 0.01

# %% [markdown]
# ## Other rules, other laws, and decay
#
# Whenever column $i$ of what goes back is the gradient of a function $\Psi$ of the outgoing weights,
# $\tfrac12|w_i|^2-\Psi$ is constant (`robertson2024.feedback-family`): $\Psi=\langle b,w\rangle$ for FA,
# $\tfrac12|w|^2$ for backpropagation (balancedness), $|w|_1$ for sign feedback.

# %%
v = sp.Symbol("v", real=True, nonzero=True)
assert sp.diff(fa.SignSymmetry().potential([v]), v) == sp.sign(v)
assert [law.kind for law in fa.derive(depth=2, rule="sign").invariants()] == ["neuron"]
fa.derive(depth=2, rule="bp").invariants()[0].expression

# %% [markdown]
# Weight decay $-\rho_lW_l$ breaks the law, $\dot Q_l=-2\rho_lW_lW_l^\top+\rho_{l+1}(B_{l+1}W_{l+1}+\cdot^\top)$. If the
# upper layer decays twice as fast, $\rho_2=2\rho_1$, the right side is $-2\rho_1Q_1$: the memory of the start fades,
# and only alignment is left (`robertson2024.weight-decay`).

# %%
decaying = fa.derive(depth=2, rule="fa", decay=True)
rho_1, rho_2 = decaying.decay_rates
rate = rate_of_change(decaying, law(1))
paired = w.add({word: coefficient.subs(rho_2, 2 * rho_1) for word, coefficient in rate.items()})
assert rate != {}
assert w.add(paired, w.scale(w.expand(law(1)), 2 * rho_1)) == {}
