# %% [markdown]
# # 6. Two layers: cubic, folds, ghosts
#
# **Assumed.** One mode, two layers, feedback $b>0$, curvature $\lambda>0$, correlation $\sigma\ge0$ (other signs follow
# by symmetry). The first integral of page 4 is $k=\theta_1^2-2b\theta_2$; we write $x=\theta_1$.
#
# **To show.** The mode is a cubic equation for $x$. It has one or three states of zero loss; where their number changes
# there is a *fold*, and just beyond a fold a *ghost* that holds the mode up for as long as one likes. Also: the time is
# an elementary function of $x$, and the loss may rise.
#
# Statements: `girotti2021.fixed-points`, `girotti2021.slow-passage`, `girotti2021.loss-rise`. The abstract of Girotti,
# Mitliagkas and Gidel (2021) announces initialisations that learn negligible components first; this page and the next
# work out a mechanism. The formulas are this project's.

# %%
import numpy as np
import sympy as sp
from scipy.integrate import quad

import fa_dynamics as fa
from fa_dynamics.modes.folds import critical_strengths, fold_function

chain = fa.derive(depth=2, rule="fa").chain()
theta_1, theta_2 = chain.weights
b, lam, sigma, rho = sp.symbols("b lambda sigma varrho", positive=True)
x, k = sp.symbols("x k", real=True)

# %% [markdown]
# ## The cubic
#
# On a level of the first integral $\theta_2=(x^2-k)/2b$. Put this into the velocity of $\theta_1$:

# %%
leaf = {theta_1: x, theta_2: (x**2 - k) / (2 * b), chain.feedback[0]: b}
leaf |= {chain.correlation: sigma, chain.curvature: lam}
velocity = sp.expand(chain.velocity[theta_1].subs(leaf))
assert sp.expand(velocity - (b * sigma + lam / 2 * (k * x - x**3))) == 0
velocity

# %% [markdown]
# Rest means $x^3-kx=2b\sigma/\lambda$, and then $e=0$, because $\dot x=be$. The slope of page 5 is
# $S=b\theta_2+x^2=\tfrac12(3x^2-k)$, and a rest point attracts iff $S>0$.

# %%
S = (3 * x**2 - k) / 2
assert sp.expand(b * sp.diff((x**2 - k) / (2 * b) * x, x) - S) == 0
assert sp.expand(sp.diff(velocity, x) + lam * S) == 0

# %% [markdown]
# ## How many zero-loss states: the fold
#
# A cubic has three real roots iff its discriminant is positive. With the scale $\varrho=(b\sigma/\lambda)^{1/3}$ the
# discriminant of $x^3-kx-2\varrho^3$ is $4(k^3-27\varrho^6)$: **one state for $k<3\varrho^2$, three for
# $k>3\varrho^2$**. On the fold the roots are $2\varrho$ and, twice, $-\varrho$.

# %%
cubic = x**3 - k * x - 2 * rho**3
assert sp.expand(sp.discriminant(cubic, x) - 4 * (k**3 - 27 * rho**6)) == 0
assert sp.roots(cubic.subs(k, 3 * rho**2), x) == {2 * rho: 1, -rho: 2}
sp.factor(sp.discriminant(cubic, x).subs(k, 3 * rho**2 + sp.Symbol("delta")))

# %% [markdown]
# In terms of the target, three states iff $\sigma<\sigma_c=\frac\lambda b(k/3)^{3/2}$, and then (Viète)
# $x=2\sqrt{k/3}\cos\psi$ with $\cos3\psi=\sigma/\sigma_c$. Three angles, three roots:

# %%
psi, y = sp.symbols("psi y", positive=True)  # y = sqrt(k/3)
at_angle = (x**3 - k * x).subs({x: 2 * y * sp.cos(psi), k: 3 * y**2})
assert sp.simplify(at_angle - 2 * y**3 * sp.expand_trig(sp.cos(3 * psi))) == 0
sigma_c = lam * y**3 / b
assert sp.discriminant(cubic, x).subs(rho, sp.cbrt(b * sigma_c / lam)).subs(k, 3 * y**2).simplify() == 0

# %% [markdown]
# The package counts the same states: starts $(-a,0)$ have $k=a^2$, and the fold for $\sigma=2$ is at
# $a=\sqrt3\cdot2^{1/3}=2.182$.

# %%
for a, states in ((2.18, 1), (2.19, 3)):
    found = fa.equilibria([2.0], 1.0, depth=2, start=[-a, 0.0], feedback=1.0)
    assert np.isfinite(found.tau).sum() == states
on_fold = np.array([[-np.sqrt(3) * 2 ** (1 / 3)], [0.0]])
assert abs(fold_function(critical_strengths(on_fold, np.ones((2, 1))), 2.0)[0]) < 1e-12

# %% [markdown]
# Of three roots $x_-<x_s<0<x_+$ the outer two attract. At $x_-$ the loss is zero although $\theta_2=s/x_-$ has the sign
# opposite to $b$: the mode is *learned without weight alignment*.
#
# ## Time as a function of the state
#
# $t=\int dx/\dot x$ by partial fractions. With a single root $r$ and $\omega^2=\tfrac34r^2-k>0$; with three roots
# $x_1,x_2,x_3=-x_1-x_2$; and on the fold:

# %%
r, x_1, x_2 = sp.symbols("r x_1 x_2", real=True)
omega = sp.sqrt(sp.Rational(3, 4) * r**2 - k)
rest = x**2 + r * x + r**2 - k
single = sp.log(rest) / 2 - sp.log(r - x) + 3 * r / (2 * omega) * sp.atan((x + r / 2) / omega)
single *= 2 / (lam * (3 * r**2 - k))
roots = (x_1, x_2, -x_1 - x_2)
triple = -2 / lam * sum(sp.log(x - u) / sp.prod([u - v for v in roots if v is not u]) for u in roots)
fold = 2 / lam * (sp.log((x + rho) / (2 * rho - x)) / (9 * rho**2) - 1 / (3 * rho * (x + rho)))
assert sp.simplify(sp.diff(single, x) * (r**3 - k * r - x**3 + k * x) * lam / 2) == 1
assert sp.simplify(sp.diff(triple, x) * -sp.prod([x - u for u in roots]) * lam / 2) == 1
assert sp.simplify(sp.diff(fold, x) * -((x + rho) ** 2) * (x - 2 * rho) * lam / 2) == 1
fold

# %% [markdown]
# ## On the fold, and just beyond
#
# Near $x=-y$ with $y=\sqrt{k/3}$ the velocity is $\dot\xi=(b\sigma-\lambda y^3)+\tfrac32\lambda y\,\xi^2+\dots$ with
# $\xi=x+y$. The first bracket is zero on the fold, positive beyond it.

# %%
xi, gap, c, t = sp.symbols("xi g c t", positive=True)
near = sp.expand(velocity.subs({x: xi - y, k: 3 * y**2}))
assert sp.expand(near - (b * sigma - lam * y**3 + sp.Rational(3, 2) * lam * y * xi**2 - lam * xi**3 / 2)) == 0
sp.collect(near, xi)

# %% [markdown]
# *On* the fold $\dot\xi=c\,\xi^2$, $c=\tfrac32\lambda\varrho$, is solved by $\xi=-1/(ct)$: an approach from below by a
# power law. The error $e=\dot\xi/b$ obeys $e\,t^2\to2/(3\lambda b\varrho)$ instead of falling exponentially.
#
# *Just beyond*, $g:=b\sigma-\lambda y^3>0$ is small, and there is no state to rest at, but its ghost holds the mode up
# for $\int d\xi/(g+c\xi^2)=\pi/\sqrt{gc}$, however strong the mode is.

# %%
slow = -1 / (c * t)
assert sp.simplify(sp.diff(slow, t) - c * slow**2) == 0
assert sp.simplify((sp.diff(slow, t) / b * t**2).subs(c, 3 * lam * rho / 2) - 2 / (3 * lam * b * rho)) == 0
passage = sp.integrate(1 / (gap + c * xi**2), (xi, 0, sp.oo)) * 2
assert sp.simplify(passage - sp.pi / sp.sqrt(gap * c)) == 0
passage

# %% [markdown]
# **A second opinion.** The exact time from $-2y$ to $0$ by quadrature, against the law; and the same mode solved by the
# package, with the strongest target the last to be learned.

# %%
level = 1.4
for excess in (1e-4, 1e-6):
    target = level**3 + excess
    speed = sp.lambdify(x, velocity.subs({b: 1, lam: 1, sigma: target, k: 3 * level**2}))
    exact = quad(lambda u, speed=speed: 1 / speed(u), -2 * level, 0, points=[-level], limit=200)[0]
    assert abs(exact / (np.pi / np.sqrt(excess * 1.5 * level)) - 1) < 3 * np.sqrt(excess)
curves = fa.solve_modes([4, 2, 1], 1.0, depth=2, start=[-2.726, 0], feedback=1.0, t=[0.0])
times = curves.learning_times(0.99)
assert times[0] > 7 * times[1] > 7 * times[2]

# %% [markdown]
# ## The loss may rise
#
# $\dot e=-\lambda Se$ and $S<0$ for $x^2<k/3$. Start from $(0,-c)$, so that $k=2bc$: whatever $\sigma>0$, the strength
# $p=x(x^2-k)/2b$ must first fall to its minimum at $x^2=k/3$,
#
# $$p_{\min}=-\tfrac23\,c\,\sqrt{2bc/3},$$
#
# and climb back. The mode is unlearned before it is learned.

# %%
strength = (x * (x**2 - k) / (2 * b)).subs(k, 2 * b * c)
lowest = sp.sqrt(2 * b * c / 3)
assert sp.simplify(sp.diff(strength, x).subs(x, lowest)) == 0
assert sp.simplify(strength.subs(x, lowest) + sp.Rational(2, 3) * c * lowest) == 0
curves = fa.solve_modes([1.0, 3.0], 1.0, depth=2, start=[0.0, -2.0], feedback=1.0, t=np.linspace(0, 3, 3001))
assert np.allclose(curves.strength.min(axis=0), -4 / 3 * np.sqrt(4 / 3), atol=1e-5)
assert np.allclose(curves.limit, [1, 3])
strength.subs(x, lowest)
