# %% [markdown]
# # 5. The clock
#
# **Assumed.** One mode (page 3) under feedback alignment: $\dot\theta_l=c_l\,\theta_{l-1}\cdots\theta_1\,e$ with fixed
# $c_l=b_{l+1}\cdots b_L$ and $e=\sigma-\lambda p$, $p=\theta_L\cdots\theta_1$.
#
# **To show.** (a) All weights are polynomials of one variable $\tau$, and $p$ is one of degree $n=2^L-1$ with positive
# leading coefficient. (b) Therefore *every* start converges to zero loss. (c) Alignment is the slope $S=dp/d\tau$. (d)
# How many zero-loss states there are.
#
# Statements: `girotti2021.clock`, `girotti2021.global-convergence`, `girotti2021.fixed-points`. Part (b) realises the
# claim of the abstract of Girotti, Mitliagkas and Gidel (2021) that deep linear FA converges; the argument is this
# project's, and close to one of Baldi, Sadowski and Lu for linear chains.

# %%
import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

import fa_dynamics as fa
from fa_dynamics.derive.compile_chain import compile_chain
from fa_dynamics.modes.clock import clock_of

tau = sp.Symbol("tau", real=True)
chain = fa.derive(depth=3, rule="fa").chain()
clock = clock_of(chain)

# %% [markdown]
# ## (a) One variable for all layers
#
# All layers share the factor $e$. Measure time by $\tau$ with $\dot\tau=e$; then $e$ drops out,
#
# $$\frac{d\theta_l}{d\tau}=c_l\,\theta_1\cdots\theta_{l-1},$$
#
# a triangular system: $\theta_1$ is linear in $\tau$, so $\theta_2$ is quadratic, so $\theta_3$ is quartic, and so on,
# because $1+1+2+4+\dots+2^{l-2}=2^{l-1}$. SymPy integrates it layer by layer (the symbols $\theta_l$ below mean
# $\theta_l(0)$).

# %%
weights = clock.polynomials
below = sp.S.One
for layer, (weight, factor) in enumerate(zip(weights, clock.factors, strict=True), start=1):
    assert sp.expand(sp.diff(weight, tau) - factor * below) == 0
    assert weight.subs(tau, 0) == chain.weights[layer - 1]
    assert sp.degree(weight, tau) == 2 ** (layer - 1)
    below *= weight
p = sp.Poly(sp.expand(below), tau)
assert p.degree() == 2**3 - 1
sp.Tuple(*weights[:2])

# %% [markdown]
# **The leading coefficient is positive, whatever the signs of the $b_l$.** If $\theta_j\simeq\kappa_j\tau^{2^{j-1}}$,
# integration gives $\kappa_l=c_l2^{1-l}\prod_{j<l}\kappa_j$. At the top $c_L=1$, so that the coefficient of $p$ is
# $\prod_{j\le L}\kappa_j=2^{1-L}\big(\prod_{j<L}\kappa_j\big)^2$: a positive number times a square.

# %%
kappa = []
for layer, factor in enumerate(clock.factors, start=1):
    kappa.append(factor * sp.Rational(1, 2 ** (layer - 1)) * sp.prod(kappa))
assert clock.factors[-1] == 1
assert [sp.Poly(weight, tau).LC() for weight in weights] == kappa
assert sp.expand(p.LC() - sp.prod(kappa[:-1]) ** 2 / 2 ** (3 - 1)) == 0
sp.factor(p.LC())

# %% [markdown]
# ## (b) Every start converges
#
# What remains of the network is one equation, $\dot\tau=\sigma-\lambda p(\tau)=-V'(\tau)$ with
# $V=\lambda\int p-\sigma\tau$. For $\lambda>0$ and nonzero $b_l$, $V$ is a polynomial of *even* degree $2^L$ with
# positive leading coefficient, hence bounded below and infinite at both ends. A point that moves downhill on a line
# never turns round and cannot leave the set where $V\le V(0)$, which is bounded: it comes to rest, and rest means
# $e=0$, zero loss.

# %%
V = sp.integrate(chain.curvature * p.as_expr() - chain.correlation, tau)
assert sp.degree(V, tau) == 2**3
assert sp.expand(-sp.diff(V, tau) - (chain.correlation - chain.curvature * p.as_expr())) == 0
nonzero = {symbol: sp.Symbol(symbol.name, real=True, nonzero=True) for symbol in chain.feedback}
positive = {chain.curvature: sp.Symbol("lambda", positive=True)}
assert sp.Poly(V, tau).LC().subs(nonzero | positive).is_positive
sp.Poly(V, tau).LC()

# %% [markdown]
# **A second opinion.** We integrate the three weights of the derived chain, from a start with all signs wrong, recover
# $\tau=(\theta_1-\theta_1(0))/c_1$, and compare the other weights with their polynomials.

# %%
start, feedback, sigma, lam = (-1.2, 0.7, -0.9), (0.8, -1.1), 1.5, 2.0
velocity = compile_chain(chain).velocity
run = solve_ivp(lambda t, y: velocity(*y, *feedback, sigma, lam), (0, 60), start, "DOP853", rtol=1e-11, atol=1e-13)
ticks = (run.y[0] - start[0]) / (feedback[0] * feedback[1])
numbers = dict(zip((*chain.weights, *chain.feedback), (*start, *feedback), strict=True))
for weight, values in zip(weights, run.y, strict=True):
    assert np.allclose(sp.lambdify(tau, weight.subs(numbers))(ticks), values, atol=1e-8)
assert (np.diff(ticks) * np.sign(ticks[-1]) > -1e-9).all()  # the clock never turns round
assert abs(sigma - lam * run.y[:, -1].prod()) < 1e-6

# %% [markdown]
# ## (c) The slope is alignment
#
# Along the flow $\dot e=-\lambda\dot p=-\lambda S\,e$ with $S=dp/d\tau$. The mode's loss is $e^2/(2\lambda)$, so it
# falls exactly while $S>0$. The same $S$ is the inner product of the FA and the gradient update of the mode,
# $\sum_l\dot\theta_l^{\rm FA}\dot\theta_l^{\rm BP}=S\,e^2$: positive slope *is* update alignment.

# %%
downhill = fa.derive(depth=3, rule="bp").chain()
e = chain.correlation - chain.curvature * chain.strength
inner = sum(chain.velocity[weight] * downhill.velocity[weight] for weight in chain.weights)
S = sp.expand(sp.cancel(inner / e**2))
assert sp.expand(p.as_expr().diff(tau).subs(tau, 0) - S) == 0
moved = sum(sp.diff(e, weight) * chain.velocity[weight] for weight in chain.weights)
assert sp.expand(moved + chain.curvature * S * e) == 0
S

# %% [markdown]
# All terms of $S$ carry even powers of the weights below and plain products of those above. If feedback and start are
# nonnegative, so is $S$, and it only grows while $e\ge0$: then $0\le e(t)\le e(0)\,e^{-\lambda S(0)t}$
# (`girotti2021.explicit-rate`).

# %%
assert all(coefficient > 0 for coefficient in sp.Poly(S, *chain.weights, *chain.feedback).coeffs())
growth = sum(sp.diff(S, weight) * sp.cancel(chain.velocity[weight] / e) for weight in chain.weights)
assert all(coefficient > 0 for coefficient in sp.Poly(growth, *chain.weights, *chain.feedback).coeffs())

# %% [markdown]
# ## (d) How many zero-loss states
#
# They are the roots of $\lambda p(\tau)=\sigma$: at most $2^L-1$. This is sharp. With $b_l=\tfrac14$ and first
# integrals $k_l=\theta_l^2-\tfrac12\theta_{l+1}=\tfrac12$ one has $\theta_{l+1}=2\theta_l^2-1$, the doubling of an
# angle, $\theta_1=\cos\varphi$, $\theta_2=\cos2\varphi$, ..., and $p=\sin(2^L\varphi)/(2^L\sin\varphi)$, which
# oscillates through its full set of zeros.

# %%
x, phi = sp.symbols("x varphi", real=True)
doubled = [x, 2 * x**2 - 1, sp.expand(2 * (2 * x**2 - 1) ** 2 - 1)]
closed = sp.sin(8 * phi) / (8 * sp.sin(phi))
assert sp.simplify(sp.prod(doubled).subs(x, sp.cos(phi)) - sp.expand_trig(closed)) == 0
at_zero = dict(zip(chain.weights, (0, -1, 1), strict=True)) | dict.fromkeys(chain.feedback, sp.Rational(1, 4))
assert sp.expand(p.as_expr().subs(at_zero).subs(tau, 16 * x) - sp.prod(doubled)) == 0
assert sp.Poly(sp.prod(doubled) - sp.Rational(1, 50), x).count_roots() == 2**3 - 1
sp.expand(sp.prod(doubled))
