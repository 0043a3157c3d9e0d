# %% [markdown]
# # Song, Xu, Lafferty 2021: width, weight decay and alignment
#
# One output, two layers: wide networks learn without aligning, weight decay aligns them.

# %%
# %matplotlib inline
# %config InlineBackend.figure_format = "retina"
import fa_dynamics as fa

# %% [markdown]
# ## Alignment by width and weight decay

# %%
found = fa.reproduce("song2021-alignment", draws=4)
print(found)
found.figure()

# %% [markdown]
# ## Guaranteed rates

# %%
found = fa.reproduce("song2021-convergence", widths=(200, 1000), draws=2)
print(found)
found.figure()

# %% [markdown]
# ## Decay that is cut off

# %%
found = fa.reproduce("song2021-cutoff", width=3200)
print(found)
found.figure()

# %% [markdown]
# ## tanh and ReLU

# %%
found = fa.reproduce("song2021-nonlinear", widths=(40, 400, 1200), draws=2, steps=300)
print(found)
found.figure()
