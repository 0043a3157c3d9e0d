# %% [markdown]
# # Matrix flows
#
# Loss, alignment and singular values along one run, and learning times over many draws of the feedback.

# %%
# %matplotlib inline
# %config InlineBackend.figure_format = "retina"
import matplotlib.pyplot as plt
import numpy as np

import fa_dynamics as fa
from fa_dynamics.plots import plot_alignment, plot_loss, plot_singular_values

task = fa.tasks.hierarchy()
run = fa.simulate(task, hidden=(16, 16), rule="fa", t_end=30.0, seed=0)
print(run)

# %% [markdown]
# ## Loss above the best

# %%
axes = plot_loss(run)

# %% [markdown]
# ## Two of the four alignments
#
# Weight alignment compares $W_l^\top$ with the feedback that stands in its place; update alignment compares the step of
# a layer with the true gradient step. See the [four meanings of alignment](../glossary.md#four-alignments).

# %%
axes = plot_alignment(run)

# %% [markdown]
# ## Singular values of the layers

# %%
axes = plot_singular_values(run, count=4)

# %% [markdown]
# ## Many draws of Gaussian feedback
#
# Random feedback couples the modes and spreads their learning times. One solve carries all draws, each as accurate as
# if it were alone.

# %%
many = fa.simulate_ensemble(task, hidden=16, draws=60, t_end=40.0, seed=0)
low, middle, high = many.quantiles([0.05, 0.5, 0.95])
target = task.modes.target[: len(middle)]
shown = np.isfinite(high) & (target != 0)
_, axes = plt.subplots(layout="constrained")
axes.errorbar(target[shown], middle[shown], [(middle - low)[shown], (high - middle)[shown]], fmt="o", capsize=3)
shown = axes.set(
    xscale="log",
    yscale="log",
    xlabel="target $s_k$ (output per input)",
    ylabel=r"half-time (learning rate $\times$ steps)",
)
