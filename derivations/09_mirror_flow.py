# %% [markdown]
# # 9. Mirror flow and minimum norm
#
# **Assumed.** Feedback alignment of any depth, one output, all weights zero at the start, $C_1\ne0$.
#
# **To show.** (a) The whole network follows one row $u$ with $\dot u=E$, and $P$ is a power of its length times $u$.
# (b) That is a mirror flow, with a potential $\psi$, and it converges at least like $1/t$. (c) Among all maps that fit
# the data it ends at the one of smallest norm; for several outputs and other starts something similar still holds.
#
# Statements: `robertson2024.mirror-flow`, `robertson2024.minimum-norm`. They realise claims on implicit regularisation
# in the abstracts of Robertson and Koyejo (2024) and of its first version; forms and proofs are this project's.

# %%
import numpy as np
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.derive import Network
from fa_dynamics.derive import words as w
from fa_dynamics.systems import limit_of_run, mirror_potential, moves_within_inputs, reduction

# %% [markdown]
# ## (a) One row moves
#
# With one output $C_l=B_{l+1}\cdots B_L$ is a column; let $\beta_l=|C_l|^2$. From zero, $\dot W_1=C_1E$, so $W_1=C_1u$
# with $\dot u=E$. Then $\dot W_2=C_2E\,u^\top C_1^\top$, and $Eu^\top=\tfrac12\frac d{dt}|u|^2$ is a number:
# $W_2=g_2C_2C_1^\top$ with $g_2=\tfrac12|u|^2$. Layer by layer,
#
# $$W_l=g_l\,C_lC_{l-1}^\top,\qquad P=\chi_L\,|u|^{n-1}u,\qquad n=2^L-1 .$$
#
# The package puts this form into the derived flow, asserts that no layer leaves it, and integrates the $g_l$. The
# recursion $r_1=1$, $r_{l+1}=\tfrac14\beta_lr_l^2$, $\chi_L=\prod_{l<L}\tfrac12\beta_lr_l$ sums it up.

# %%
for depth in (1, 2, 3, 4, 5):
    found = reduction(depth)
    chi, r = sp.S.One, sp.S.One
    for beta in found.betas:
        chi *= beta * r / 2
        r = beta * r**2 / 4
    assert found.power == 2**depth - 1
    assert sp.simplify(found.chi - chi) == 0
sp.Tuple(*(reduction(depth).chi for depth in (2, 3, 4)))

# %% [markdown]
# ## (b) A mirror flow
#
# Let $\psi(P)=\frac n{n+1}\chi^{-1/n}|P|^{(n+1)/n}$. Its gradient turns $P$ back into $u$, so that
#
# $$\frac d{dt}\nabla\psi(P)=\dot u=E=-\nabla\ell(P) .$$
#
# Gradient descent in disguise: it is not $P$ that moves against the gradient, but its image $\nabla\psi(P)$. We check
# $\nabla\psi(P(u))=u$ for two inputs and depths 1 to 4.

# %%
u_1, u_2, v_1, v_2, chi = sp.symbols("u_1 u_2 v_1 v_2 chi", positive=True)
for depth in (1, 2, 3, 4):
    n = 2**depth - 1
    length = sp.sqrt(u_1**2 + u_2**2)
    image = {v_1: chi * length ** (n - 1) * u_1, v_2: chi * length ** (n - 1) * u_2}
    psi = sp.Rational(n, n + 1) * chi ** sp.Rational(-1, n) * (v_1**2 + v_2**2) ** sp.Rational(n + 1, 2 * n)
    for slot, hand in ((v_1, u_1), (v_2, u_2)):
        assert sp.simplify(sp.powdenest(sp.diff(psi, slot).subs(image), force=True) - hand) == 0
psi

# %% [markdown]
# **The rate.** Fix any map $\tilde P$ and follow the Bregman divergence
# $D=\psi(\tilde P)-\psi(P)-\langle\nabla\psi(P),\tilde P-P\rangle\ge0$ ($\psi$ is convex). The terms with $\dot P$
# cancel: $\dot D=-\langle E,\tilde P-P\rangle$. For the squared loss
#
# $$\langle E,\tilde P-P\rangle=\ell(P)-\ell(\tilde P)+\tfrac12(\tilde P-P)\,\Sigma_{xx}\,(\tilde P-P)^\top .$$

# %%
network = Network(depth=1)
P, xx, yx = (symbol.subs(network.n(1), 1) for symbol in (network.W(1), network.input_moment, network.cross_moment))
other = sp.MatrixSymbol("P~", *P.shape)


def loss(at):
    """The loss with one output, up to a constant; a number equals its transpose."""
    return w.expand(at * xx * at.T / 2 - at * yx.T)


left = w.expand((yx - P * xx) * (other - P).T)
right = w.add(loss(P), w.scale(loss(other), -1), w.expand((other - P) * xx * (other - P).T / 2))
difference = w.subtract(left, right)
assert w.add(difference, w.transpose(difference)) == {}

# %% [markdown]
# Hence $\dot D\le-(\ell(P)-\ell(\tilde P))$. From $P=0$ we have $D(0)=\psi(\tilde P)$, and the loss never rises
# (below), so integrating from 0 to $t$ gives $\ell(P(t))-\ell(\tilde P)\le\psi(\tilde P)/t$ for *every* $\tilde P$.
# That the loss never rises: $\dot\ell=-E\,\dot P^\top$ and $\dot P=E\,\partial P/\partial u$, where for
# $P=\chi|u|^{n-1}u$
#
# $$\frac{\partial P}{\partial u}=\chi|u|^{n-1}\Big(I+(n-1)\,\hat u^\top\hat u\Big)\succeq0 .$$

# %%
n, hand, squared = sp.Symbol("n", positive=True), sp.Matrix([[u_1, u_2]]), u_1**2 + u_2**2
row = chi * squared ** ((n - 1) / 2) * hand
expected = chi * squared ** ((n - 1) / 2) * (sp.eye(2) + (n - 1) * hand.T * hand / squared)
assert (row.jacobian(hand) - expected).applyfunc(sp.simplify) == sp.zeros(2)

# %% [markdown]
# **A second opinion** with four layers of weights, underdetermined data, and no symbols:

# %%
random = np.random.default_rng(5)
x, y = random.standard_normal((4, 7)), random.standard_normal((4, 1))
task = fa.Task.from_arrays(x, y)
feedback = [random.standard_normal(shape) for shape in ((3, 4), (4, 2), (2, 1))]
run = fa.simulate(task, (3, 4, 2), "fa", fa.starts.Zero(), feedback, t_end=400.0)
potential = mirror_potential(feedback)
minimum_norm = np.linalg.lstsq(x, y, rcond=None)[0].T
bound = potential.value(minimum_norm).item() / run.t[1:]
assert (run.loss[1:] <= bound).all()
assert (np.diff(run.loss) <= 1e-9).all()
assert np.linalg.svd(run.weights[1][-1], compute_uv=False)[1] < 1e-9  # rank one throughout

# %% [markdown]
# ## (c) Minimum norm
#
# $u=\int E\,dt$ is a combination of the rows of $\Sigma_{yx}$ and $\Sigma_{xx}$, that is, of the inputs; and $P$ is
# parallel to $u$. A map that fits the data and lies in the span of the inputs is the one of least norm, since any other
# fitting map differs from it by a row orthogonal to all inputs.

# %%
assert np.abs(run.end_to_end[-1] - minimum_norm).max() < 1e-6
null = np.linalg.svd(x)[2][4:]
assert np.abs(minimum_norm @ null.T).max() < 1e-12  # Pythagoras: adding null directions makes it longer

# %% [markdown]
# **More outputs, other starts.** Every word of $\dot W_1$ ends in $\Sigma_{xx}$ or $\Sigma_{yx}$, for every rule of the
# package, because rules change only what stands on the left. So the rows of $W_1(t)-W_1(0)$ stay in the span of the
# inputs, and any run that fits its data ends at
#
# $$P_\infty=YX^++W_L\cdots W_2(\infty)\,W_1(0)\,(I-\Pi_x),$$
#
# whatever the depth and the feedback. Weight decay on the first layer breaks this.

# %%
for rule in ("fa", "bp", "dfa", "sign", "kp"):
    assert moves_within_inputs(rule, depth=3)
assert not moves_within_inputs("fa", depth=3, decay=True)
wide = fa.Task.from_arrays(x, np.c_[y, x[:, :1], x[:, 1:2] - y])
run = fa.simulate(wide, (8,), "fa", fa.starts.Gaussian(0.6), t_end=300.0, seed=1)
assert run.loss[-1] < 1e-10
assert np.abs(run.end_to_end[-1] - limit_of_run(run)).max() < 1e-4
assert np.abs(run.end_to_end[-1] @ null.T).max() > 0.05  # the start left its mark where there are no data
