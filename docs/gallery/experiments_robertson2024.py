# %% [markdown]
# # Robertson, Koyejo 2024: conservation laws and where they lead
#
# What stays constant by activation and rule, what alignment has to do with accuracy, and which minimum is reached.

# %%
# %matplotlib inline
# %config InlineBackend.figure_format = "retina"
import fa_dynamics as fa

# %% [markdown]
# ## Conservation laws by activation and rule

# %%
found = fa.reproduce("robertson2024-laws", t_end=0.2)
print(found)
found.figure()

# %% [markdown]
# ## Alignment against accuracy

# %%
found = fa.reproduce("robertson2024-multiclass", seeds=2, epochs=2)
print(found)
found.figure()

# %% [markdown]
# ## Mirror flow and the minimum norm

# %%
found = fa.reproduce("robertson2024-minimum-norm")
print(found)
found.figure()
