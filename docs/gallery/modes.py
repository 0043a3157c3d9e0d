# %% [markdown]
# # Learning curves
#
# Mode strengths $p_k(t)$: how much of singular direction $k$ of the task the network has learned.

# %%
# %matplotlib inline
# %config InlineBackend.figure_format = "retina"
import numpy as np

import fa_dynamics as fa
from fa_dynamics.plots import plot_curve_panels, plot_learning_times, plot_modes

# %% [markdown]
# ## Exact curves of single modes
#
# No integration: each mode is solved to near machine precision. Backpropagation starts from a small balanced start,
# because it never leaves zero.

# %%
t = np.linspace(0.0, 12.0, 400)
spectrum = [4.0, 2.0, 1.0, 0.5]
backprop = fa.solve_modes(spectrum, depth=2, rule="bp", start=0.03, t=t)
alignment = fa.solve_modes(spectrum, depth=2, rule="fa", start=0.0, feedback=1.0, t=t)
opposed = fa.solve_modes(spectrum, depth=2, rule="fa", start=[[-2.2], [0.0]], feedback=1.0, t=t)
plot_curve_panels(
    [backprop, alignment, opposed],
    ["Backpropagation, small start", "Feedback alignment from zero", "Feedback alignment, opposed start"],
)

# %% [markdown]
# ## A matrix flow, and the theory over it
#
# Handwritten digits, to be copied pixel by pixel, and a hidden layer of 64 units. The thin dashed lines are the exact
# curves of single modes; with orthogonal feedback and a zero start the full flow follows them.

# %%
task = fa.tasks.digits()
run = fa.simulate(task, hidden=64, rule="fa", start=fa.starts.Zero(), feedback=fa.starts.Orthogonal(), t_end=25.0)
theory = fa.solve_modes(
    task.modes.correlation, task.modes.curvature, depth=2, rule="fa", start=0.0, feedback=1.0, t=run.t
)
axes = plot_modes(run, theory=(run.t, theory.strength))

# %% [markdown]
# ## Learning time against target
#
# From zero, feedback alignment of two layers learns a mode in a time that falls as $s^{-2/3}$: the principal mode comes
# first, but not by much. Both axes are logarithmic.

# %%
targets = np.geomspace(0.05, 5.0, 25)
curves = fa.solve_modes(targets, depth=2, rule="fa", start=0.0, feedback=1.0, t=[1.0])
axes = plot_learning_times(curves.learning_times(level=0.5), targets)
