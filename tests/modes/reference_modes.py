"""Mode strengths of fixed-feedback chains in 120-digit arithmetic, by partial fractions, without code of the package.

p(tau) is a polynomial, so that time is the integral of 1 / (sigma - lambda p): a sum of residues times logarithms over
the roots. It is inverted in u, where the distance of the clock to the first root ahead is exp(-u) of what it was. Where
the roots of degrees 31 and 63 are hard to find, the integral is taken by quadrature.
"""

import mpmath as mp

DIGITS = 120
"""With 60, roots of degree 15 whose sizes differ by decades leave errors of 1e-13 in p."""
REST = 130
"""exp(-130) of the way from rest is below anything that is compared."""


def number(value):
    """The exact value of a float; numbers of mpmath stay what they are."""
    return value if isinstance(value, mp.mpf) else mp.mpf(float(value))


def strength_polynomial(theta, b):
    """Coefficients of p(tau), ascending."""
    factors = [mp.mpf(1)]
    for value in reversed(list(b)):
        factors.insert(0, factors[0] * number(value))
    below = [mp.mpf(1)]
    for start, factor in zip(theta, factors, strict=True):
        weight = [number(start), *(factor * value / (power + 1) for power, value in enumerate(below))]
        product = [mp.mpf(0)] * (len(below) + len(weight) - 1)
        for i, left in enumerate(below):
            for j, right in enumerate(weight):
                product[i + j] += left * right
        below = product
    return below


def at(coefficients, x):
    return mp.polyval(coefficients[::-1], x)


def reference(theta, b, sigma, curvature, t):
    """p at the times t, as numbers of mpmath. Roots must be simple."""
    with mp.workdps(DIGITS):
        return _reference(theta, b, number(sigma), number(curvature), [number(x) for x in t])


def _reference(theta, b, sigma, curvature, t):
    p = strength_polynomial(theta, b)
    error = [-curvature * value for value in p]
    error[0] += sigma
    if error[0] == 0:
        return [p[0]] * len(t)
    while len(error) > 1 and error[-1] == 0:
        error.pop()
    if len(error) == 1:
        return [at(p, error[0] * x) for x in t]
    # roots are looked for in a variable in which the end coefficients have the same size
    scale = abs(error[0] / error[-1]) ** (mp.mpf(1) / (len(error) - 1))
    scaled = [value * scale**power for power, value in enumerate(error)]
    found = mp.polyroots([value / scaled[-1] for value in scaled[::-1]], maxsteps=500, extraprec=300, error=False)
    roots = [root * scale for root in found]
    derivative = [power * error[power] for power in range(1, len(error))]
    for _ in range(4):  # roots far smaller than the others are known to absolute precision only
        roots = [root - at(error, root) / at(derivative, root) for root in roots]
    residues = [1 / at(derivative, root) for root in roots]
    direction = mp.sign(error[0])
    tiny = mp.mpf(10) ** -40
    ahead = [r for r in roots if abs(mp.im(r)) < tiny * abs(r) and mp.re(r) * direction > 0]
    first = min(ahead, key=abs)
    own = roots.index(first)
    rest = mp.re(first)

    def time(u, tau):
        others = (
            residue * mp.log(1 - tau / root)
            for k, (residue, root) in enumerate(zip(residues, roots, strict=True))
            if k != own
        )
        return mp.re(-residues[own] * u + mp.fsum(others))

    def clock(u):
        return -rest * mp.expm1(-u)

    return [p[0] if x == 0 else at(p, clock(_inverse(time, clock, error, rest, x))) for x in t]


def _inverse(time, clock, error, rest, goal):
    """u at which `time` is the goal: Newton's method in log u, kept inside a bracket."""
    if time(mp.mpf(REST), clock(mp.mpf(REST))) < goal:
        return mp.mpf(REST)
    low, high = mp.mpf(0), mp.mpf(REST)
    u = min(goal * error[0] / rest, mp.mpf(REST) / 2)
    for _ in range(500):
        tau = clock(u)
        gap = time(u, tau) - goal
        low, high = (u, high) if gap < 0 else (low, u)
        following = u - gap * at(error, tau) / (rest * mp.exp(-u))
        if not low < following < high:
            following = (low + high) / 2 if low > 0 else high / 16
        if abs(following - u) <= mp.mpf(10) ** -35 * abs(u):
            return following
        u = following
    raise AssertionError("the reference did not converge")


def by_quadrature(theta, b, sigma, curvature, t, near):
    """p at a time t, by Newton's method from a clock `near` it."""
    with mp.workdps(30):
        p = strength_polynomial(theta, b)

        def error(x):
            return number(sigma) - number(curvature) * at(p, x)

        def lasted(begin, end, pieces):
            value, doubt = mp.quad(lambda x: 1 / error(x), mp.linspace(begin, end, pieces + 1), error=True)
            assert doubt < mp.mpf(10) ** -20 * abs(number(t))
            return value

        tau = number(near)
        elapsed = lasted(mp.mpf(0), tau, 4)
        for _ in range(20):
            step = (number(t) - elapsed) * error(tau)
            if abs(step) <= mp.mpf(10) ** -20 * abs(tau):
                return at(p, tau)
            elapsed, tau = elapsed + lasted(tau, tau + step, 1), tau + step
        raise AssertionError("the reference did not converge")


def fold_reference(t):
    """p of theta = (-2, 1/2), b = lambda = sigma = 1: it rests on the double root of (x + 1)^2 (x - 2)."""
    with mp.workdps(DIGITS):

        def elapsed(x):
            return 2 * (mp.log((-x - 1) / (2 - x)) / 9 - 1 / (3 * (x + 1)))

        def strength(goal):
            low, high = mp.mpf(0), mp.mpf(200)  # of -log of the distance to -1
            for _ in range(190):
                middle = (low + high) / 2
                early = elapsed(-1 - mp.exp(-middle)) - elapsed(mp.mpf(-2)) < goal
                low, high = (middle, high) if early else (low, middle)
            x = -1 - mp.exp(-low)
            return x * (x * x - 3) / 2

        return [strength(number(goal)) if goal else mp.mpf(-1) for goal in t]
