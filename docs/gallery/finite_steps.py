# %% [markdown]
# # Finite steps
#
# The same rules with a step size $\eta$: which steps converge, and how far conserved quantities drift.

# %%
# %matplotlib inline
# %config InlineBackend.figure_format = "retina"
import fa_dynamics as fa

# %% [markdown]
# ## What the error does, over step size and start

# %%
axes = fa.step_diagram(1.0).plot()

# %% [markdown]
# ## The experiment: step diagram, converging starts, drifts

# %%
fa.reproduce("girotti2021-discrete").figure()
