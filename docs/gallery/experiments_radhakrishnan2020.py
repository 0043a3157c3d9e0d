# %% [markdown]
# # Radhakrishnan, Nichani, Bernstein, Uhler 2020: alignment of layers
#
# When the alignment of neighbouring layers is invariant, and which layers lose it.

# %%
# %matplotlib inline
# %config InlineBackend.figure_format = "retina"
import fa_dynamics as fa

# %% [markdown]
# ## When alignment is invariant

# %%
found = fa.reproduce("radhakrishnan2020-invariance")
print(found)
found.figure()

# %% [markdown]
# ## Convolutions lose it

# %%
found = fa.reproduce("radhakrishnan2020-constraints")
print(found)
found.figure()
