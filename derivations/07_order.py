# %% [markdown]
# # 7. Learning times and their order
#
# **Assumed.** One clock per mode, $\dot\tau=\sigma-\lambda p(\tau)$ (page 5). A mode is learned at level $f$ at the
# last time that $|p-s|$ exceeds $(1-f)|s|$.
#
# **To show.** (a) From zero weights learning times are a power law of $\sigma$: important modes come first, but only by
# a ratio. (b) An ordering theorem: where $p$ is convex the principal mode comes first, where it is concave the
# negligible one does. (c) Both happen. (d) How backpropagation differs.
#
# Statements: `girotti2021.zero-start-law`, `girotti2021.order-convexity`, `girotti2021.regularisation`,
# `girotti2021.anti-regularisation`, `girotti2021.gd-comparison`. They realise the two claims in the abstract of
# Girotti, Mitliagkas and Gidel (2021) on the order of learning; hypotheses and proofs are this project's.

# %%
import numpy as np
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.modes.clock import clock_of
from fa_dynamics.modes.closed_forms import balanced_time, zero_start_time
from fa_dynamics.modes.prediction import predict_order

tau = sp.Symbol("tau", real=True)
sigma, lam, s, z, t = sp.symbols("sigma lambda s z t", positive=True)

# %% [markdown]
# ## (a) From zero
#
# If all weights start at zero, the clock's polynomial is one power: $p=K\theta_1^n$ with $n=2^L-1$, $\theta_1=c_1\tau$
# and $K=\prod_{j<L}(2b_{j+1})^{-(2^{L-j}-1)}$.

# %%
for depth in (2, 3, 4):
    clock = clock_of(fa.derive(depth, "fa").chain())
    origin = dict.fromkeys(clock.chain.weights, 0)
    p = sp.expand(sp.prod([weight.subs(origin) for weight in clock.polynomials]))
    K = sp.prod([(2 * b) ** -(2 ** (depth - j) - 1) for j, b in enumerate(clock.chain.feedback, start=1)])
    assert sp.simplify(p / (K * (clock.factors[0] * tau) ** (2**depth - 1))) == 1

# %% [markdown]
# So $\dot\theta_1=c_1(\sigma-\lambda K\theta_1^n)$. It ends at $x_*=(\sigma/\lambda K)^{1/n}$; with $z=\theta_1/x_*$ we
# have $p/s=z^n$ and $\dot z=\frac{c_1\sigma}{x_*}(1-z^n)$. Therefore
#
# $$T_f=\frac{x_*}{c_1\sigma}H_n\big(f^{1/n}\big)\ \propto\ \sigma^{-(1-1/n)},\quad H_n(z)=\int_0^z\frac{dw}{1-w^n} .$$
#
# For two layers $n=3$, and $H_3$ is elementary:

# %%
H_3 = (sp.log((1 + z + z**2) / (1 - z) ** 2) / 2 + sp.sqrt(3) * (sp.atan((2 * z + 1) / sp.sqrt(3)) - sp.pi / 6)) / 3
assert sp.simplify(sp.diff(H_3, z) - 1 / (1 - z**3)) == 0
assert sp.simplify(H_3.subs(z, 0)) == 0
H_3

# %% [markdown]
# With $\lambda=b=1$, $K=\tfrac12$ and $x_*=(2\sigma)^{1/3}$. The times in which half of a mode is learned, from this
# formula, from the package's closed form (a hypergeometric function, any depth) and from the exact solver:

# %%
targets = np.array([4.0, 2.0, 1.0, 0.5, 0.25])
by_hand = [(2 * m) ** (1 / 3) / m * float(H_3.subs(z, sp.Rational(1, 2) ** sp.Rational(1, 3))) for m in targets]
assert np.allclose(by_hand, zero_start_time(0.5, targets, depth=2), rtol=1e-12)
zero = fa.solve_modes(targets, 1.0, depth=2, start=0.0, feedback=1.0, t=[0.0])
assert np.allclose(by_hand, zero.learning_times(0.5), rtol=1e-9)
assert np.allclose(by_hand, [0.469, 0.744, 1.181, 1.875, 2.977], atol=1e-3)
assert np.allclose(np.divide(by_hand[1:], by_hand[:-1]), 2 ** (2 / 3))
sp.Tuple(*(sp.Float(value, 4) for value in by_hand))

# %% [markdown]
# A factor of two in strength is worth a factor $2^{2/3}=1.59$ in time. But one curve alone takes
# $(T_{.9}-T_{.1})/T_{.5}=1.19$ of its own half-time to rise, so that neighbours overlap, and there is no small
# parameter that would sharpen this: zero is no saddle of FA. Depth does sharpen it.

# %%
widths = []
for depth in (2, 3, 4, 5, 6):
    early, half, late = (zero_start_time(level, [1.0], depth=depth)[0] for level in (0.1, 0.5, 0.9))
    widths.append((late - early) / half)
assert np.allclose(widths, [1.194, 0.564, 0.278, 0.138, 0.069], atol=1e-3)

# %% [markdown]
# ## (b) The ordering theorem
#
# Two modes share $b$, $\theta(0)$ and, after measuring time in $1/\lambda$, the equation $\dot\tau=s-p(\tau)$; let
# $s_\alpha>s_\beta$. *Step 1:* both clocks start at 0. Wherever $\tau_\alpha=\tau_\beta$, the first runs faster by
# $s_\alpha-s_\beta>0$; so the clock of the stronger mode stays ahead. *Step 2:* the residual $v=e/e(0)$ with
# $e=s-p(\tau)$ obeys $\dot v=-p'(\tau)\,v$, because $\dot e=-p'(\tau)\dot\tau$ and $\dot\tau=e$:

# %%
strength, clock_time = sp.Function("p"), sp.Function("tau")(t)
e = s - strength(clock_time)
slope = sp.diff(strength(tau), tau).subs(tau, clock_time)
rate = sp.diff(e, t).subs(sp.diff(clock_time, t), e)
assert sp.simplify(rate.doit() + (slope * e).doit()) == 0
sp.Eq(sp.Symbol(r"\dot e"), rate.doit(), evaluate=False)

# %% [markdown]
# *Step 3:* hence $v=\exp\big(-\int p'(\tau)\,dt\big)$. If $p''\ge0$ on the interval that both clocks visit, the one
# that is ahead sees the larger slope, and $v_\alpha\le v_\beta$ at all times: **principal first**. If $p''\le0$, the
# inequality turns: **negligible first**. For two layers the sign is that of $b\theta_1$:

# %%
two = clock_of(fa.derive(2, "fa").chain())
b = two.chain.feedback[0]
convexity = sp.diff(sp.expand(sp.prod(two.polynomials)), tau, 2)
assert sp.expand(convexity - 3 * b * two.polynomials[0]) == 0
sp.factor(convexity)

# %% [markdown]
# ## (c) Both orders happen
#
# *Principal first.* If $b\sigma\ge0$ and $b\theta_1(0)\ge0$, then $b\theta_1$ can never become negative: at
# $\theta_1=0$ we have $e=\sigma$ and $\dot\theta_1=b\sigma\ge0$ (for $b>0$; other signs by symmetry), which points
# back.
#
# *Negligible first.* Start from $(-a,0)$ with $b>0$: $k=a^2$, $\dot\theta_1=b\sigma>0$ at first, and $p''<0$ as long as
# $\theta_1<0$. It stays there if there is a state of zero loss on the way, that is, by the fold condition of page 6, if
# $a^2\ge3(b\sigma/\lambda)^{2/3}$: exactly for $\sigma\le\frac\lambda b(a/\sqrt3)^3$.

# %%
at_zero = {two.chain.weights[0]: 0}
assert sp.expand(two.chain.velocity[two.chain.weights[0]].subs(at_zero) - b * two.chain.correlation) == 0
x, a, beta = sp.Symbol("x", real=True), sp.Symbol("a", positive=True), sp.Symbol("b", positive=True)
push = beta * sigma + lam / 2 * (a**2 * x - x**3)
assert sp.expand(push.subs(x, -a)) == beta * sigma
critical = lam / beta * (a / sp.sqrt(3)) ** 3
assert sp.simplify(push.subs(sigma, critical).subs(x, -a / sp.sqrt(3))) == 0  # touches zero: the fold
assert sp.simplify(sp.diff(push, x).subs(x, -a / sp.sqrt(3))) == 0
critical

# %% [markdown]
# With $a=4$ and $\lambda=b=1$ the condition is $\sigma\le12.3$, so all five modes obey it. The package predicts both
# orders from the theorem and finds them in the exact solution.

# %%
for first, expected, recorded in (
    (0.0, "principal-first", [1.192, 1.893, 3.004, 4.769, 7.570]),
    (-4.0, "negligible-first", [0.342, 0.312, 0.299, 0.293, 0.291]),
):
    start = np.array([[first] * 5, [0.0] * 5])
    assert predict_order(targets, 1.0, start, np.ones((2, 5))).verdict == expected
    curves = fa.solve_modes(targets, 1.0, depth=2, start=start, feedback=1.0, t=np.linspace(0, 2, 50))
    assert np.allclose(curves.learning_times(0.99), recorded, atol=6e-4)
    residual = 1 - curves.strength / targets
    assert (np.diff(residual, axis=1) * (1 if first == 0 else -1) >= -1e-12).all()

# %% [markdown]
# ## (d) Backpropagation
#
# From balanced weights $\theta_1=\theta_2=\sqrt p$ the same mode obeys $\dot p=2p(\sigma-\lambda p)$, a sigmoid (Saxe,
# McClelland and Ganguli 2014). Zero is a saddle: $T\simeq\frac1{2\sigma}\ln\frac1{p(0)}$ can be made as long as one
# likes, its *ratios* then tend to those of $1/\sigma$ while the rise keeps its length, and the order becomes sharp.

# %%
downhill = fa.derive(2, "bp").chain()
p_0 = sp.Symbol("p_0", positive=True)
balanced = {weight: sp.sqrt(z) for weight in downhill.weights}
growth = sum(downhill.velocity[weight] * sp.sqrt(z) for weight in downhill.weights).subs(balanced)
growth = growth.subs({downhill.correlation: sigma, downhill.curvature: lam})
assert sp.expand(growth - 2 * z * (sigma - lam * z)) == 0
sigmoid = sigma * p_0 * sp.exp(2 * sigma * t) / (sigma + lam * p_0 * (sp.exp(2 * sigma * t) - 1))
assert sp.simplify(sp.diff(sigmoid, t) - growth.subs(z, sigmoid)) == 0
half = [balanced_time(target / 2, 1e-12, target, 1.0, 2) for target in targets]
assert np.allclose(np.divide(half[1:], half[:-1]), 2, rtol=0.03)
sigmoid
