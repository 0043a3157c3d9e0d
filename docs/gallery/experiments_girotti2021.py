# %% [markdown]
# # Girotti, Mitliagkas, Gidel 2021: what is learned first
#
# Regularization and anti-regularization: the order in which feedback alignment learns its modes, and when that does
# harm. The fourth experiment, `girotti2021-discrete`, is on the page of [finite steps](finite_steps.py).

# %%
# %matplotlib inline
# %config InlineBackend.figure_format = "retina"
import fa_dynamics as fa

# %% [markdown]
# ## Nine starts and their orders of learning

# %%
found = fa.reproduce("girotti2021-table")
print(found)
found.figure()

# %% [markdown]
# ## Matrix flows: rank that climbs step by step, or is there at once

# %%
found = fa.reproduce("girotti2021-order", widths=(64, 256), draws=1)
print(found)
found.figure()

# %% [markdown]
# ## Noisy data: early stopping helps who learns the principal first

# %%
found = fa.reproduce("girotti2021-harm")
print(found)
found.figure()
