# %% [markdown]
# # 1. The loss and its gradient
#
# **Assumed.** A deep linear network $y\approx W_L\cdots W_1x=Px$ with layers $W_l\in\mathbb R^{n_l\times n_{l-1}}$, and
# $N$ samples, the columns of $X$ and $Y$. The loss is $\ell=\tfrac12\mathbb E\,|y-Px|^2$, where $\mathbb E$ is the mean
# over samples.
#
# **To show.** (a) The data enter through three second moments only. (b) The gradient of every layer is a product of
# three factors: what comes *back*, the *error matrix* $E$, what went *forward*. (c) What is left of the loss at its
# minimum. All of it is standard; symbols and signs are those of `docs/theory/notation.md`, sections 1 and 2.

# %%
import numpy as np
import sympy as sp

from fa_dynamics.derive import Network
from fa_dynamics.derive import words as w
from fa_dynamics.derive.compile import compile_expression
from fa_dynamics.derive.network import squared_loss


def same(left, right):
    """Whether two matrix expressions are equal when multiplied out, at every size."""
    return w.subtract(w.expand(left), w.expand(right)) == {}


# %% [markdown]
# ## From samples to second moments
#
# Because $|v|^2=\operatorname{tr}vv^\top$ and the trace is linear,
#
# $$\tfrac12\mathbb E|y-Px|^2=\tfrac12\operatorname{tr}\big[\Sigma_{yy}-P\Sigma_{yx}^\top-\Sigma_{yx}P^\top
# +P\Sigma_{xx}P^\top\big],\qquad \Sigma_{xx}=\mathbb E[xx^\top],\ \Sigma_{yx}=\mathbb E[yx^\top].$$
#
# We write out both sides for two samples, two inputs and two outputs, every entry a symbol, and compare.

# %%
X, Y, P = (sp.ImmutableMatrix(2, 2, sp.symbols(f"{name}_1:5", real=True)) for name in "xyp")
residual = Y - P * X
from_samples = sum(entry**2 for entry in residual) / (2 * 2)
from_moments = squared_loss(P, X * X.T / 2, Y * X.T / 2, Y * Y.T / 2).doit()
assert sp.expand(from_samples - from_moments) == 0

# %% [markdown]
# So two data sets with equal moments train alike, however many samples they have. From here on the loss is this one
# trace. For three layers it reads:

# %%
network = Network(depth=3)
assert same(network.end_to_end, network.W(3) * network.W(2) * network.W(1))
network.loss

# %% [markdown]
# ## The gradient
#
# Change one layer by $dW_l$. Then $P$ changes by $(W_L\cdots W_{l+1})\,dW_l\,(W_{l-1}\cdots W_1)$, and the loss by
#
# $$d\ell=-\operatorname{tr}\big[E^\top dP\big],\qquad E:=\Sigma_{yx}-P\Sigma_{xx}=-\nabla_P\ell .$$
#
# $E$ is target minus output, correlated with the input. Moving the factors around $dW_l$ to the other side of the trace
# gives
#
# $$-\nabla_{W_l}\ell=\underbrace{(W_L\cdots W_{l+1})^\top}_{\text{back}}\;E\;
# \underbrace{(W_{l-1}\cdots W_1)^\top}_{\text{forward}} .$$
#
# The package differentiates the loss with SymPy and splits the result into these factors. Here is the middle layer:

# %%
back, error, forward = network.gradient(2)
assert same(back, network.W(3).T)
assert same(forward, network.W(1).T)
assert same(error, network.cross_moment - network.end_to_end * network.input_moment)
sp.Eq(sp.Symbol(r"-\nabla_{W_2}\ell"), back * error * forward, evaluate=False)

# %% [markdown]
# The factors are right if their product is what SymPy finds when it differentiates the whole loss, all three layers
# written out, with respect to each layer.

# %%
for layer in (1, 2, 3):
    back, error, forward = network.gradient(layer)
    whole = network.loss.diff(network.W(layer)).doit()
    assert same(whole, -(back * error * forward))

# %% [markdown]
# **A second opinion that knows no matrix calculus.** For an analytic function $f$ of a real number,
# $\operatorname{Im}f(x+ih)/h$ is $f'(x)$ up to $h^2$, without any difference of nearby numbers, so that $h=10^{-30}$ is
# fine. We add $ih$ to every single weight in turn, evaluate the loss from *samples*, and compare.

# %%
random = np.random.default_rng(0)
sizes = (4, 3, 5, 2)
weights = {f"W_{j}": random.standard_normal((sizes[j], sizes[j - 1])) for j in (1, 2, 3)}
x, y = random.standard_normal((4, 7)), random.standard_normal((2, 7))
moments = {"Sigma_xx": x @ x.T / 7, "Sigma_yx": y @ x.T / 7}


def sample_loss(W_1, W_2, W_3):
    return ((y - W_3 @ W_2 @ W_1 @ x) ** 2).sum() / (2 * 7)


for layer in (1, 2, 3):
    back, error, forward = network.gradient(layer)
    derived = -compile_expression(sp.MatMul(back, error, forward).doit())(weights | moments)
    for place in np.ndindex(derived.shape):
        nudged = {name: matrix.astype(complex) for name, matrix in weights.items()}
        nudged[f"W_{layer}"][place] += 1e-30j
        assert abs(sample_loss(**nudged).imag / 1e-30 - derived[place]) < 1e-12

# %% [markdown]
# ## What is left at the minimum
#
# Suppose some map $P_*$ fulfils $P_*\Sigma_{xx}=\Sigma_{yx}$ (least squares: $E=0$). Completing the square,
#
# $$\ell(P)-\ell(P_*)=\tfrac12\operatorname{tr}\big[(P-P_*)\,\Sigma_{xx}\,(P-P_*)^\top\big]\ \ge 0 ,$$
#
# so $E=0$ is the global minimum over $P$, and in the space of maps there is no other critical point. We check the
# matrices under the trace, with $\Sigma_{yx}$ replaced by $P_*\Sigma_{xx}$.

# %%
single = Network(depth=1)
best = sp.MatrixSymbol("P_*", *single.end_to_end.shape)
moment = single.loss.args[1].arg  # one half of the trace of this
assert single.loss == sp.Rational(1, 2) * sp.Trace(moment)
fit = {single.cross_moment: w.expand(best * single.input_moment)}
at_best = {single.W(1): w.expand(best)} | fit
excess = w.subtract(w.substitute(w.expand(moment), fit), w.substitute(w.expand(moment), at_best))
square = (single.W(1) - best) * single.input_moment * (single.W(1) - best).T
assert w.subtract(excess, w.expand(square)) == {}
square

# %% [markdown]
# **Meaning.** In $P$ the problem is convex and dull. Everything that is interesting about deep linear networks comes
# from the factors on both sides of $E$: they make the loss non-convex in the weights, and the next page replaces one of
# them. At $W=0$, for instance, every gradient of a network of depth two or more vanishes although $E$ does not:

# %%
for layer in (1, 2, 3):
    back, error, forward = network.gradient(layer)
    product = w.multiply(w.expand(back), w.expand(network.error_symbol), w.expand(forward))
    assert w.substitute(product, {matrix: {} for matrix in network.weights}) == {}
assert w.substitute(w.expand(error), {matrix: {} for matrix in network.weights}) == w.expand(network.cross_moment)
