# %% [markdown]
# # 8. Two layers, one output: why regularisation aligns
#
# **Assumed.** Two layers of any width $n_1$ and one output, so that $W_2$ is a row and $B_2$ a column. The loss is a
# *sum* over samples. Only the second layer decays: $\dot W_1=B_2E$, $\dot W_2=EW_1^\top-\rho W_2$.
#
# **To show.** (a) A closed system for a few numbers, whatever the width. (b) Without decay the error always goes to
# zero, with an explicit rate for wide networks. (c) Then weights do *not* align. (d) With decay they do.
#
# Statements: `song2021.exact-reduction`, `song2021.global-convergence`, `song2021.exponential-rate`,
# `song2021.no-alignment`, `song2021.regularisation-aligns`, `song2021.width-uniform-law`, `song2021.cut-off`. They
# realise the two claims in the abstract of Song, Xu and Lafferty (2021): exponentially fast convergence, and that
# regularisation is needed for alignment. All formulas are this project's.

# %%
import numpy as np
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.derive import words as w
from fa_dynamics.derive.reduction import commute
from fa_dynamics.systems import OneOutputProblem, flow_one_output, gaussian_start, reduced_start
from fa_dynamics.systems.one_output_coordinates import DECAY, KAPPA, OneOutput, one_output

symbols, reduced = OneOutput(fa.derive(depth=2, rule="fa", decay=True)), one_output("fa")
U, P, s, q = (reduced.coordinate(name) for name in ("U", "P", "s", "q"))
E = reduced.error_symbol


def undecayed(words):
    return w.add({word: coefficient.subs(DECAY, 0) for word, coefficient in words.items()})


# %% [markdown]
# ## (a) Reduced coordinates
#
# Let $\kappa=|B_2|^2$ and $U=B_2^\top W_1/\kappa$. Then $\dot U=E$: $U$ is a clock with as many hands as there are
# inputs. Only the part of $W_1$ along $B_2$ moves, so that $K=W_1^\top(I-\hat b\hat b^\top)W_1$ is constant and
# $M:=W_1^\top W_1=K+\kappa U^\top U$. With $s=W_2B_2$ and $q=|W_2|^2$,
#
# $$\dot U=E,\quad \dot P=E\,(K+\kappa U^\top U+sI)-\rho P,\quad \dot s=\kappa EU^\top-\rho s,\quad
# \dot q=2EP^\top-2\rho q,\quad E=\Sigma_{yx}-P\Sigma_{xx}.$$
#
# The package derives this from the full flow. It multiplies out the velocity of each product of weights and contracts
# hidden indices; anything left over would raise an error.

# %%
K = symbols.square("K")
square = w.add({(E, U.T, U): KAPPA}, {(E, K): sp.S.One}, {(s, E): sp.S.One}, {(P,): -DECAY})
assert reduced.velocity[U] == {(E,): 1}
assert w.subtract(reduced.velocity[P], square) == {}
assert w.subtract(reduced.velocity[s], {(E, U.T): KAPPA, (s,): -DECAY}) == {}
assert w.subtract(reduced.velocity[q], {(E, P.T): sp.Integer(2), (q,): -2 * DECAY}) == {}
w.assemble(reduced.velocity[P], *P.shape)

# %% [markdown]
# **A second opinion.** Full matrices with 7 hidden units against the reduced system. (`simulate` averages over the 6
# samples, the reduced system sums: one unit of its time is 6 of the other.)

# %%
random = np.random.default_rng(1)
x, y = random.standard_normal((6, 3)), random.standard_normal(6)
W_1, W_2, B_2 = random.standard_normal((7, 3)), random.standard_normal((1, 7)), random.standard_normal((7, 1))
full = fa.simulate(fa.Task.from_arrays(x, y[:, None]), (7,), "fa", [W_1, W_2], [B_2], t_end=6.0, t_eval=[0, 3, 6])
problem = OneOutputProblem.from_arrays(x, y)
small = flow_one_output(problem, reduced_start(problem, W_1, W_2, B_2), t_end=1.0, t_eval=[0, 0.5, 1.0])
assert np.allclose(small.P @ problem.basis.T, full.end_to_end[:, 0], atol=1e-8)
assert np.allclose(small.cosine, full.weight_alignment[:, 0], atol=1e-8)

# %% [markdown]
# ## (b) Convergence at every width, $\rho=0$
#
# Two first integrals follow: $s-\tfrac\kappa2|U|^2$ and the row $P-UK-sU$.

# %%
assert undecayed(reduced.rate(s - KAPPA / 2 * U * U.T)) == {}
assert undecayed(reduced.rate(P - U * K - s * U)) == {}

# %% [markdown]
# So $P$ is a cubic function of $U$, the cubic of page 6 for vectors, and $\dot U=(P_*-P(U))\,\Sigma_{xx}$ is a flow of
# the clock alone. It is a gradient flow (in the metric of $\Sigma_{xx}$) if the Jacobian of $P(U)$ is symmetric. It is:
# $\partial P/\partial U=M+sI$. For two inputs, with everything written out ($s_0,U_0,P_0$ are the start):

# %%
kappa, s_0 = KAPPA, sp.Symbol("s_0", real=True)
u, u_0, p_0, p_star = (sp.Matrix(1, 2, sp.symbols(f"{name}_1:3", real=True)) for name in ("u", "v", "p", "r"))
k_1, k_2, k_3 = sp.symbols("k_1:4", real=True)
fixed = sp.Matrix([[k_1, k_2], [k_2, k_3]])
overlap = s_0 + kappa / 2 * (u.dot(u) - u_0.dot(u_0))
strength = p_0 + (u * fixed + overlap * u) - (u_0 * fixed + s_0 * u_0)
curvature = fixed + kappa * u.T * u + overlap * sp.eye(2)
assert (strength.jacobian(u) - curvature).applyfunc(sp.expand) == sp.zeros(2)
floor = s_0 - kappa / 2 * u_0.dot(u_0)
potential = (u * fixed * u.T)[0] / 2 + floor / 2 * u.dot(u) + kappa / 8 * u.dot(u) ** 2
potential += (p_0 - u_0 * fixed - s_0 * u_0 - p_star).dot(u)
assert (sp.Matrix([potential]).jacobian(u) - (strength - p_star)).applyfunc(sp.expand) == sp.zeros(1, 2)

# %% [markdown]
# The potential $\Phi$ grows like $\tfrac\kappa8|U|^4$: it is bounded below, the flow descends it, and its critical
# points are $P=P_*$. Hence **every start reaches the least-squares map at every width** $n_1\ge1$.
#
# *The rate.* The loss falls as $\dot\ell=-E(M+sI)E^\top$, and $M+sI$ exceeds a constant matrix by a positive one:

# %%
best = sp.MatrixSymbol("P_*", *P.shape)
sigma_xx = symbols.flow.network.input_moment
loss_rate = undecayed(reduced.rate((P - best) * sigma_xx * (P - best).T / 2))
to_error = {E: w.expand((best - P) * sigma_xx)}
claimed = w.expand(-E * K * E.T - KAPPA * E * U.T * U * E.T - s * E * E.T)
fa_rate, claim = (w.substitute(words, to_error) for words in (loss_rate, claimed))
assert commute(w.subtract(fa_rate, claim)) == {}
assert (curvature - fixed - floor * sp.eye(2) - kappa * (u.T * u + u.dot(u) / 2 * sp.eye(2))).expand() == sp.zeros(2)

# %% [markdown]
# With $\mu=\lambda_{\min}(K)+s_0-\tfrac\kappa2|U_0|^2$ the residual falls at least as $e^{-\mu\gamma_-t}$, $\gamma_-$
# the smallest nonzero eigenvalue of $\Sigma_{xx}$ ($K$ and $U$ are taken on the span of the inputs, where $E$ lies).
# For Gaussian weights and $n_1\gg N$ samples, $K\to I$ and $\mu\to1$.
#
# ## (c) No alignment
#
# The first integral says $s=s_0+\tfrac\kappa2(|U|^2-|U_0|^2)$. In a wide network $\kappa\approx1/n_1$ while $U$ needs
# to move only $O(1)$ to fit the data; so $\cos(W_2^\top,B_2)=s/\sqrt{\kappa q}$ stays at its random size $n_1^{-1/2}$.
#
# ## (d) With decay
#
# **There is no rest.** $\dot U=0$ means $E=0$; then $\dot P=-\rho P=0$ means $P=0$; then $E=\Sigma_{yx}\ne0$. The clock
# must run for ever, and $W_1$ grows along $B_2$ for ever.

# %%
assert w.substitute(reduced.velocity[P], {E: {}}) == {(P,): -DECAY}
assert [word[0].name for word in w.substitute(reduced.error, {P: {}})] == ["Sigma_yx"]

# %% [markdown]
# *Formal from here on; numbers follow.* After a time $1/\rho$ the second layer follows the first, $\rho W_2=EW_1^\top$.
# This row has with $B_2$ the cosine $\sqrt\kappa\,EU^\top/\sqrt{EME^\top}$. Take isometric inputs,
# $\Sigma_{xx}=\gamma I$ on the span of the data, a wide network ($K=I$, $s\approx0$) and $U$ along $P_*$; let
# $R=\sqrt\kappa|U|$. Then $E(1+R^2)=\rho P$ and $E=\gamma(P_*-P)$ give $E=\rho P_*/(1+\rho/\gamma+R^2)$, so that
#
# $$\Big(1+\frac\rho\gamma\Big)R+\frac{R^3}3=\rho\,|P_*|\,|B_2|\,t,\qquad \cos=\frac R{\sqrt{1+R^2}} .$$

# %%
R, gamma, size, p, t, e = sp.symbols("R gamma P_* p t e", positive=True)
solved = sp.solve([e * (1 + R**2) - DECAY * p, e - gamma * (size - p)], [e, p], dict=True)[0]
quasi_static = DECAY * size / (1 + DECAY / gamma + R**2)
assert sp.simplify(solved[e] - quasi_static) == 0
cubic_law = (1 + DECAY / gamma) * R + R**3 / 3
assert sp.simplify(sp.diff(cubic_law, R) * sp.sqrt(kappa) * quasi_static - DECAY * size * sp.sqrt(kappa)) == 0
cosine = (sp.sqrt(kappa) * e * (R / sp.sqrt(kappa))) / sp.sqrt(e**2 * (1 + R**2))
assert sp.simplify(cosine - R / sp.sqrt(1 + R**2)) == 0
cubic_law

# %% [markdown]
# So alignment tends to 1, and the error to 0 like $R^{-2}$. What decay costs in error it repays when it is switched
# off: (b) applies from there, $U$ moves little more, and the cosine is kept. In numbers, for width 6400 and
# $\rho=12.5$:

# %%
inputs = np.linalg.qr(random.standard_normal((60, 20)))[0].T * np.sqrt(60)
problem = OneOutputProblem.from_arrays(inputs, inputs @ random.standard_normal(60))
wide = gaussian_start(problem, 6400, np.random.default_rng(2), np.random.default_rng(3))
plain, decayed = (flow_one_output(problem, wide, t_end=4.0, regularization=rate) for rate in (0.0, 12.5))
cut = flow_one_output(problem, wide, t_end=5.0, regularization=12.5, cut_off=4.0)
right = 12.5 * np.linalg.norm(problem.target) * np.sqrt(wide.kappa) * 4.0
(reached,) = (z.real for z in np.roots([1 / 3, 0, 1 + 12.5 / 60, -right]) if abs(z.imag) < 1e-9)
assert abs(plain.cosine[-1]) < 0.03
assert plain.residual[-1] < 1e-8 * plain.residual[0]
assert abs(decayed.cosine[-1] / (reached / np.sqrt(1 + reached**2)) - 1) < 0.03
assert decayed.cosine[-1] > 0.7
assert abs(cut.cosine[-1] - decayed.cosine[-1]) < 0.01
assert cut.residual[-1] < 1e-8 * cut.residual[0]
sp.Tuple(*(sp.Float(run.cosine[-1], 3) for run in (plain, decayed, cut)))
