# %% [markdown]
# # 10. Alignment of layers as an invariant
#
# **Assumed.** Gradient descent (`bp`), unless feedback alignment is named. "Alignment" here is that of *layers*:
# singular value decompositions $W_l=U_l\Theta_lU_{l-1}^\top$ that share their inner bases. It has nothing to do with
# the angle between weights and feedback.
#
# **To show.** (a) Aligned global minima exist. (b) When alignment persists: always for a balanced *flow*; at any step
# size only if the data have joint bases. (c) Then an explicit step gives linear convergence. (d) The same for feedback
# alignment.
#
# Statements: `radhakrishnan2020.definition`, `radhakrishnan2020.aligned-minimum`,
# `radhakrishnan2020.strong-invariance`, `radhakrishnan2020.data-criterion`, `radhakrishnan2020.pointwise-flow`,
# `radhakrishnan2020.learning-rate`, `radhakrishnan2020.fa-invariance`. They realise claims in the abstracts of
# Radhakrishnan, Nichani, Bernstein and Uhler (2020); hypotheses, forms and proofs are this project's.

# %%
import numpy as np
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.derive import words as w
from fa_dynamics.derive.conservation import explicit_form, rate_of_change
from fa_dynamics.measures import commutator_defect
from fa_dynamics.measures.invariance import strong_invariance_defect
from fa_dynamics.systems import aligned_network, data_criterion, explicit_step

flow = fa.derive(depth=3, rule="bp")
network = flow.network

# %% [markdown]
# ## (a) Existence
#
# Let $P_*=U_LSU_0^\top$ be the singular value decomposition of the best map, and all hidden layers at least as wide as
# its rank. Choose any inner bases and $W_l=U_lS^{1/L}U_{l-1}^\top$. The inner bases cancel, and $P=U_LSU_0^\top=P_*$.

# %%
random = np.random.default_rng(3)
x = random.standard_normal((12, 3))
autoencoder = fa.Task.from_arrays(x, x)
best = aligned_network(autoencoder, (5, 4), np.cbrt(autoencoder.modes.target) * np.ones((3, 1)), seed=1).weights
assert autoencoder.loss(best[2] @ best[1] @ best[0]) - autoencoder.best_loss < 1e-14
assert max(commutator_defect(best[0], best[1]), commutator_defect(best[1], best[2])) < 1e-14

# %% [markdown]
# ## (b) Persistence
#
# **Flow.** $Z_l=W_{l+1}^\top W_{l+1}-W_lW_l^\top$ is constant (page 4). If all $Z_l=\zeta_lI$, then
# $F=W_{l+1}^\top W_{l+1}$ and $G=W_lW_l^\top=F-\zeta_lI$ commute for ever, whatever the data: neighbouring layers share
# a basis at every time. The bases may rotate.

# %%
for layer in (1, 2):
    below, above = network.W(layer), network.W(layer + 1)
    assert rate_of_change(flow, above.T * above - below * below.T) == {}
F, zeta = w.SymmetricSymbol("F", network.n(1), network.n(1)), sp.Symbol("zeta", real=True)
G = F - zeta * sp.Identity(network.n(1))
assert w.subtract(w.expand(F * G), w.expand(G * F)) == {}

# %% [markdown]
# **Finite steps** break balancedness, hence alignment, by $O(\eta)$. Both, on data without any symmetry:

# %%
generic = fa.Task.from_arrays(x, np.c_[x[:, 0] + x[:, 1] ** 2, x[:, 2] - x[:, 0]])
start = fa.starts.Balanced(0.3, aligned=False)
smooth = fa.simulate(generic, (3,), "bp", start, t_end=1.0, seed=7)
assert commutator_defect(*smooth.weights).max() < 1e-8
defects = []
for step_size in (0.02, 0.01):
    run = fa.iterate(generic, (3,), "bp", start, step_size=step_size, n_steps=round(1 / step_size), seed=7)
    defects.append(commutator_defect(*run.weights)[-1])
assert defects[1] > 1e-5
assert abs(defects[0] / defects[1] - 2) < 0.1

# %% [markdown]
# **All bases constant, at every step size.** On page 3 we put the spectral form into the velocities of `bp`, and what
# was left was the same flow for $\Theta_l$, with the moments seen in the outer bases, $U_0^\top\Sigma_{xx}U_0$ and
# $U_L^\top\Sigma_{yx}U_0$. If these two are diagonal, steps of any size keep all bases.
#
# *Conversely*, let all modes be active. The velocities of the first and last layer contain $\hat E$, in the bases,
# times diagonal factors; they stay diagonal only if $\hat E$ is. Off the diagonal
# $\hat E_{jk}=\hat\sigma_{jk}-p_j\hat\lambda_{jk}$, for two different values of $p_j$, since $p_j$ moves. Two linear
# equations, one solution:

# %%
off_sigma, off_lambda, p_now, p_later = sp.symbols("sigma_jk lambda_jk p p'", real=True)
equations = [off_sigma - p * off_lambda for p in (p_now, p_later)]
assert sp.solve(equations, [off_sigma, off_lambda], dict=True) == [{off_sigma: 0, off_lambda: 0}]
two, size = fa.derive(depth=2, rule="bp"), 2
matrices = {"W_1": sp.diag(*sp.symbols("a_1:3")), "W_2": sp.diag(*sp.symbols("b_1:3"))}
matrices |= {"Sigma_xx": sp.Matrix(2, 2, sp.symbols("l_1:3 m n")), "Sigma_yx": sp.Matrix(2, 2, sp.symbols("s:4"))}
top = explicit_form(two.velocity[1], dict.fromkeys(two.network.sizes, size), matrices)
error = explicit_form(two.error, dict.fromkeys(two.network.sizes, size), matrices)
assert sp.expand(top[0, 1] - error[0, 1] * matrices["W_1"][1, 1]) == 0
error

# %% [markdown]
# **Which data have such bases?** If $\Sigma_{xx}=V\Lambda V^\top$ and $\Sigma_{yx}=USV^\top$, then $\Sigma_{xx}$ and
# $\Sigma_{yx}^\top\Sigma_{yx}=VS^\top SV^\top$ commute; and commuting symmetric matrices have a joint eigenbasis $V$,
# from which $U$ follows. So the criterion is $[\Sigma_{xx},\Sigma_{yx}^\top\Sigma_{yx}]=0$: true for autoencoding and
# for whitened inputs, false for generic data.

# %%
assert data_criterion(autoencoder) < 1e-12
assert data_criterion(fa.Task.from_spectrum([3.0, 1.0])) < 1e-12
assert data_criterion(generic) > 1e-2

# %% [markdown]
# ## (c) An explicit step
#
# In the bases each mode obeys $\theta_l^+=\theta_l(1+a_l)$ with $a_l=\eta\lambda(s-p)\,p/\theta_l^2$. Let $0<p\le s$
# and $A=\sum_la_l$.
#
# *No overshoot.* $p^+/p=\prod(1+a_l)\le e^A$, and $\ln(s/p)\ge(s-p)/s$; so $p^+\le s$ if
# $\eta\lambda s\,p\sum\theta_l^{-2}\le1$. Since $\theta_l$ only grow, $\eta\le[\lambda s^2\sum_l\theta_l(0)^{-2}]^{-1}$
# is enough at all times.
#
# *Progress.* $p^+\ge p(1+A)$, so $s-p^+\le(s-p)\big(1-\eta\lambda p^2\sum\theta_l^{-2}\big)$, and
# $\sum\theta_l^{-2}\ge Lp^{-2/L}$ (means). Hence $\ell-\ell_*$ shrinks at least by $(1-\varrho)^2$ per step,
# $\varrho=\eta L\lambda\,p(0)^{2-2/L}$.

# %%
chain = flow.chain()
s, eta, z = sp.symbols("s eta z", positive=True)
lam, p, aim = chain.curvature, chain.strength, {chain.correlation: s * chain.curvature}
growth = {theta: eta * lam * (s - p) * p / theta**2 for theta in chain.weights}
for theta, velocity in chain.velocity.items():
    assert sp.expand(theta + eta * velocity.subs(aim) - theta * (1 + growth[theta])) == 0
a = sp.symbols("a_1:4", positive=True)
surplus = sp.expand(sp.prod([1 + each for each in a]) - 1 - sum(a))
assert all(coefficient > 0 for coefficient in sp.Poly(surplus, *a).coeffs())
gap = sp.log(z) - (1 - 1 / z)  # z = s/p >= 1: zero at 1 and rising
assert gap.subs(z, 1) == 0
assert sp.simplify(sp.diff(gap, z) - (z - 1) / z**2) == 0
x_1, x_2, x_3 = a  # the means, for L = 3: the right side is a sum of squares
squares = ((x_1 - x_2) ** 2 + (x_2 - x_3) ** 2 + (x_3 - x_1) ** 2) / 2
assert sp.expand(x_1**3 + x_2**3 + x_3**3 - 3 * x_1 * x_2 * x_3 - (x_1 + x_2 + x_3) * squares) == 0
shrunk = (s - p) * (1 - eta * lam * p**2 * sum(theta**-2 for theta in chain.weights))
assert sp.simplify(s - p * (1 + sum(growth.values())) - shrunk) == 0
surplus

# %% [markdown]
# In numbers, for an autoencoder with random inner bases: monotone, below the bound at every step, bases kept.

# %%
strengths = np.array([[0.5, 0.6, 0.4], [0.7, 0.5, 0.5]])
drawn = aligned_network(autoencoder, (4,), strengths, seed=2)
step = explicit_step(autoencoder.modes.curvature, autoencoder.modes.target, strengths)
run = fa.iterate(autoencoder, (4,), "bp", drawn.weights, step_size=step.step_size, n_steps=200, record=201)
assert (run.loss <= step.excess_bound(run.loss[0], np.arange(201)) + 1e-12).all()
assert (np.diff(run.mode_strength, axis=0) >= -1e-12).all()
assert strong_invariance_defect(run.weights, drawn.bases).max() < 1e-12

# %% [markdown]
# ## (d) Feedback alignment
#
# On page 3 the same cancelling worked with $B_l=U_{l-1}\beta_lU_l^\top$: if feedback shares the bases, with any values
# and signs, all bases are kept. Random feedback destroys alignment although the data would allow it.

# %%
shared = drawn.shared_feedback([[1.0, -0.7, 0.4]])
random_feedback = [random.standard_normal((4, 3))]
kept, lost = (
    fa.iterate(autoencoder, (4,), "fa", drawn.weights, feedback, step_size=0.05, n_steps=200)
    for feedback in (shared, random_feedback)
)
assert strong_invariance_defect(kept.weights, drawn.bases).max() < 1e-12
assert commutator_defect(*lost.weights).max() > 0.02
