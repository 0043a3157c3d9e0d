"""Other ways to the mode strengths of fixed-feedback chains, each as its own users would write it.

Every function returns `solve(theta, feedback, sigma, curvature, t) -> p (time, modes)`; what is compiled beforehand is
compiled in the outer call, so that it can be timed apart. Arrays are laid out as in `ensembles.workload`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from ensembles import Array

PAUSE, MEMORY, PAGE = 0.3, 2**29, 4096
"""Seconds of rest before a method's turn, bytes that are there for it, and bytes of memory that come together."""

Solve = Callable[[Array, Array, Array, Array, Array], Array]


def available(name: str) -> bool:
    """Whether a peer is installed."""
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def rest() -> None:
    """Before a method's turn: none shall pay for what happened before.

    Threads of XLA spin for a while after their work, on the one core that there is. And a virtual machine may give its
    host what has been free for two seconds; to get 160 MB back, room for 100,000 curves, took up to 0.3 s instead of
    0.015 s, for whoever asked next.
    """
    time.sleep(PAUSE)
    np.empty(MEMORY, dtype=np.uint8)[::PAGE] = 0


def ours() -> Solve:
    """The public call of this package."""
    import fa_dynamics as fa

    def solve(theta: Array, feedback: Array, sigma: Array, curvature: Array, t: Array) -> Array:
        return fa.solve_modes(sigma, curvature, len(theta), "fa", theta, feedback, t=t).strength

    return solve


def factors_of(feedback: Array) -> Array:
    """c_l = b_{l+1}..b_L, (L, modes)."""
    return np.concatenate([np.cumprod(feedback[::-1], axis=0)[::-1], np.ones((1, feedback.shape[1]))])


def heyoka_batch(depth: int, tol: float = 1e-13, lanes: int | None = None) -> Solve:
    """Taylor's method of adaptive step, a step per lane, SIMD lanes as wide as heyoka recommends, its dense output."""
    import heyoka as hy

    lanes = lanes or hy.recommended_simd_size()
    theta = [hy.expression(f"theta{level}") for level in range(1, depth + 1)]
    error = hy.par[0] - hy.par[1] * np.prod(theta)
    system = []
    for level in range(depth):
        below = np.prod(theta[:level]) if level else 1.0
        system.append((theta[level], hy.par[2 + level] * below * error if level < depth - 1 else below * error))
    integrator = hy.taylor_adaptive_batch(system, np.zeros((depth, lanes)), pars=np.zeros((depth + 1, lanes)), tol=tol)

    def solve(theta: Array, feedback: Array, sigma: Array, curvature: Array, t: Array) -> Array:
        parameters = np.concatenate([sigma[None], curvature[None], factors_of(feedback)[:-1]])
        grid = np.repeat(t[:, None], lanes, axis=1)
        modes = len(sigma)
        strength = np.empty((len(t), modes))
        for begin in range(0, modes, lanes):
            own = np.minimum(np.arange(begin, begin + lanes), modes - 1)
            integrator.set_time(0.0)
            integrator.state[:] = theta[:, own]
            integrator.pars[:] = parameters[:, own]
            _, weights = integrator.propagate_grid(grid)
            strength[:, begin : begin + lanes] = weights.prod(axis=1)[:, : modes - begin]
        return strength

    return solve


def _velocity(theta: Array, factors: Array, sigma: Array, curvature: Array) -> Array:
    """dtheta/dt, (L, modes)."""
    products = np.empty((len(theta) + 1, theta.shape[1]))
    products[0] = 1.0
    np.cumprod(theta, axis=0, out=products[1:])
    return np.asarray(factors * products[:-1] * (sigma - curvature * products[-1]))


def stacked(rtol: float, chunk: int = 1000, method: str = "DOP853") -> Solve:
    """`scipy.integrate.solve_ivp` over many modes as one system."""
    from scipy.integrate import solve_ivp

    def solve(theta: Array, feedback: Array, sigma: Array, curvature: Array, t: Array) -> Array:
        factors, parts = factors_of(feedback), []
        for begin in range(0, len(sigma), chunk):
            own = slice(begin, begin + chunk)
            c, s, lam, shape = factors[:, own], sigma[own], curvature[own], theta[:, own].shape

            def velocity(_: float, y: Array, c=c, s=s, lam=lam, shape=shape) -> Array:  # type: ignore[no-untyped-def]
                return _velocity(y.reshape(shape), c, s, lam).ravel()

            run = solve_ivp(velocity, t[[0, -1]], theta[:, own].ravel(), method, t, rtol=rtol, atol=rtol)
            parts.append(run.y.reshape(*shape, -1).prod(axis=0).T)
        return np.concatenate(parts, axis=1)

    return solve


def loop(rtol: float, method: str = "DOP853") -> Solve:
    """`solve_ivp` mode by mode, in plain Python numbers."""
    from scipy.integrate import solve_ivp

    def solve(theta: Array, feedback: Array, sigma: Array, curvature: Array, t: Array) -> Array:
        columns = []
        for k, factors in enumerate(factors_of(feedback).T.tolist()):
            s, lam = float(sigma[k]), float(curvature[k])

            def velocity(_: float, y: Array, factors=factors, s=s, lam=lam) -> list[float]:  # type: ignore[no-untyped-def]
                below, slopes = 1.0, []
                for value, factor in zip(y.tolist(), factors, strict=True):
                    slopes.append(factor * below)
                    below *= value
                error = s - lam * below
                return [slope * error for slope in slopes]

            run = solve_ivp(velocity, t[[0, -1]], theta[:, k], method, t, rtol=rtol, atol=rtol)
            columns.append(run.y.prod(axis=0))
        return np.stack(columns, axis=1)

    return solve


def diffrax_vmap(depth: int, modes: int, t: Array, rtol: float, solver: str = "Dopri8", chunk: int = 1000) -> Solve:
    """Diffrax, one adaptive solve per mode under vmap and jit, float64, saved at the times asked for."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import diffrax
    import jax.numpy as jnp

    saved = diffrax.SaveAt(ts=jnp.asarray(t))
    controller = diffrax.PIDController(rtol=rtol, atol=rtol)

    def velocity(_, theta, inputs):  # type: ignore[no-untyped-def]
        factors, s, lam = inputs
        products = jnp.concatenate([jnp.ones(1), jnp.cumprod(theta)])
        return factors * products[:-1] * (s - lam * products[-1])

    def one(theta, factors, s, lam):  # type: ignore[no-untyped-def]
        run = diffrax.diffeqsolve(
            diffrax.ODETerm(velocity),
            getattr(diffrax, solver)(),
            t0=t[0],
            t1=t[-1],
            dt0=None,
            y0=theta,
            args=(factors, s, lam),
            saveat=saved,
            stepsize_controller=controller,
            max_steps=100_000,
        )
        return run.ys.prod(axis=1)

    together = min(chunk, modes)
    shapes = [(together, depth), (together, depth), (together,), (together,)]
    abstract = [jax.ShapeDtypeStruct(shape, jnp.float64) for shape in shapes]
    compiled = jax.jit(jax.vmap(one)).lower(*abstract).compile()

    def solve(theta: Array, feedback: Array, sigma: Array, curvature: Array, t: Array) -> Array:
        factors = factors_of(feedback)
        parts = [
            np.asarray(compiled(theta[:, own].T.copy(), factors[:, own].T.copy(), sigma[own], curvature[own]))
            for own in (slice(begin, begin + together) for begin in range(0, len(sigma), together))
        ]
        return np.concatenate(parts).T

    return solve
