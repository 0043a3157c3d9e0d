# %% [markdown]
# # Experiments of the papers
#
# Each is one call, or `fa-dynamics reproduce NAME`. The abstract's claim, this project's own form of it and what was
# seen are printed with it. Those that take longer than some seconds are not run here; `fa-dynamics reproduce --list`
# names all.

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
# ## Noisy data: early stopping helps who learns the principal first

# %%
found = fa.reproduce("girotti2021-harm")
print(found)
found.figure()

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
