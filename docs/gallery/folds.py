# %% [markdown]
# # Folds, landscapes and the phase diagram
#
# Where one mode under feedback alignment ends, and which starts learn the negligible modes first.

# %%
# %matplotlib inline
# %config InlineBackend.figure_format = "retina"
import fa_dynamics as fa
from fa_dynamics.plots import plot_bifurcation, plot_landscape, plot_phase_diagram

# %% [markdown]
# ## Equilibria over the conserved quantity
#
# Every rest point of one mode has zero loss. Below the fold there is one; beyond it there are three, two of them
# stable.

# %%
axes = plot_bifurcation(1.0, depth=2, start=[-1.5, 0.0], feedback=1.0)

# %% [markdown]
# ## Where a start goes
#
# The conserved quantity $k=\theta_1^2-2b\theta_2$ keeps every solution on one parabola of the plane of weights.

# %%
axes = plot_landscape(1.0, depth=2, start=[-1.5, 0.0], feedback=1.0)

# %% [markdown]
# ## Which starts learn the negligible first
#
# The rank correlation of target and learning time over a plane of starts, for five modes. Hatched is what a theorem
# predicts; lines are the folds of single modes.

# %%
diagram = fa.phase_diagram([4.0, 2.0, 1.0, 0.5, 0.25])
axes = plot_phase_diagram(diagram)
