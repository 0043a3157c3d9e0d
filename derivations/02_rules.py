# %% [markdown]
# # 2. Learning rules as substitutions
#
# **Assumed.** Page 1: $-\nabla_{W_l}\ell=C_l\,E\,(W_{l-1}\cdots W_1)^\top$ with $C_l=(W_L\cdots W_{l+1})^\top$.
#
# **To show.** Every rule of this package changes the factor $C_l$ and nothing else. From that alone follow locality,
# that feedback alignment leaves the origin, and that it is no gradient descent.
#
# Rules: feedback alignment (FA) is due to Lillicrap et al. (2016), direct feedback alignment (DFA) to Nøkland (2016).
# Statements: `song2021.locality`, `robertson2024.dfa-law`.

# %%
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.derive import Rule
from fa_dynamics.derive import words as w


def same(left, right):
    """Whether two matrix expressions are equal when multiplied out, at every size."""
    return w.subtract(w.expand(left), w.expand(right)) == {}


# %% [markdown]
# ## Backpropagation: nothing is replaced
#
# Gradient flow is $\dot W_l=-\nabla_{W_l}\ell$. The package's `bp` must be that, layer by layer.

# %%
bp = fa.derive(depth=3, rule="bp")
network = bp.network
for layer, velocity in enumerate(bp.velocity, start=1):
    assert same(velocity, -network.loss.diff(network.W(layer)).doit())
bp

# %% [markdown]
# ## Feedback alignment: each transpose becomes a fixed matrix
#
# The way back through the network needs the transposes of the weights above. FA puts a fixed matrix $B_j$, of the shape
# of $W_j^\top$, in the place of each. We make this substitution by hand, in the product
# $C_l=W_{l+1}^\top\cdots W_L^\top$, and find the flow that `derive` gives.

# %%
flow = fa.derive(depth=3, rule="fa")
for layer in (1, 2, 3):
    back, _, forward = network.gradient(layer)
    ((word, coefficient),) = w.expand(back).items()
    assert coefficient == 1
    replaced = tuple(network.B(int(factor.arg.name[2:])) for factor in word)
    learned = w.multiply({replaced: sp.S.One}, w.expand(network.error_symbol), w.expand(forward))
    assert w.subtract(learned, w.expand(flow.factored[network.W(layer)])) == {}
flow

# %% [markdown]
# The error matrix $E$ itself is not replaced: the output error is what the task gives, and it travels along another
# road. The last layer has nothing above it, so its rule is the gradient.

# %%
assert same(flow.velocity[-1], bp.velocity[-1])

# %% [markdown]
# **Locality** (`song2021.locality`). Given the output error, the signal that reaches layer $l$ is $C_l$ times it. Under
# FA it contains no weight at all; under backpropagation it contains all the weights above, which a synapse would have
# to know.

# %%
for layer in (1, 2):
    for j in range(layer + 1, 4):
        assert not flow.rule.backward(network, layer).has(network.W(j))
        assert bp.rule.backward(network, layer).has(network.W(j))

# %% [markdown]
# ## Direct feedback alignment: the whole product at once
#
# DFA sends the output error straight to layer $l$ through one matrix $D_l$ of shape $n_l\times n_L$. With two layers
# that is FA under another name. With more it is FA with
#
# $$B^{\rm eff}_{l+1}=D_l\,D_{l+1}^+,\qquad D^+=(D^\top D)^{-1}D^\top,$$
#
# provided that $D_{l+1}$ has full column rank (layer $l+1$ is at least as wide as the output): then
# $B^{\rm eff}_{l+1}D_{l+1}=D_l$, so that the same signals arrive (`robertson2024.dfa-law`).

# %%
dfa = fa.derive(depth=3, rule="dfa")
D_1, D_2 = network.D(1), network.D(2)
effective = D_1 * sp.Inverse(D_2.T * D_2) * D_2.T
assert same(effective * D_2, D_1)
renamed = {network.B(2): w.expand(effective), network.B(3): w.expand(D_2)}
for weight in network.weights:
    assert w.subtract(w.substitute(w.expand(flow.factored[weight]), renamed), w.expand(dfa.factored[weight])) == {}
dfa

# %% [markdown]
# ## A rule of your own is one class
#
# Suppose half of the true transpose leaks back beside a fixed matrix. Saying what stands in the place of $W_l^\top$ is
# all there is to say; the flow follows.


# %%
class LeakyTransport(Rule):
    name = "leaky"

    def feedback(self, network, layer):
        return network.W(layer).T / 2 + network.B(layer)


leaky = fa.derive(depth=2, rule=LeakyTransport())
two = leaky.network
assert same(leaky.factored[two.W(1)], two.W(2).T * two.error_symbol / 2 + two.B(2) * two.error_symbol)
leaky

# %% [markdown]
# ## FA leaves the origin
#
# At $W=0$ every gradient of a deep network vanishes (page 1): zero is a rest point of backpropagation. Under FA the
# first layer moves there, $\dot W_1=B_2B_3\Sigma_{yx}$, since nothing on its way back or forward is a weight. The
# others start to move as soon as the layers below are no longer zero.

# %%
origin = {matrix: {} for matrix in network.weights}
at_origin = [w.substitute(w.expand(velocity), origin) for velocity in flow.velocity]
assert at_origin == [w.expand(network.B(2) * network.B(3) * network.cross_moment), {}, {}]
assert all(w.substitute(w.expand(velocity), origin) == {} for velocity in bp.velocity)

# %% [markdown]
# More: if $C_1$ has full column rank, FA rests *only* where $E=0$, because $(C_1^\top C_1)^{-1}C_1^\top\dot W_1=E$.
# There is no saddle to be stuck in. (This says nothing yet about whether the flow arrives; see page 5.)

# %%
C_1 = network.B(2) * network.B(3)
assert same(sp.Inverse(C_1.T * C_1) * C_1.T * flow.factored[network.W(1)], network.error_symbol)

# %% [markdown]
# ## FA is no gradient flow
#
# The Jacobian of a gradient field is symmetric (it is minus a Hessian). We take the smallest case, two layers of one
# unit each with weights $\theta_1,\theta_2$ and feedback $b_2$, and compare the two Jacobians.

# %%
assert sp.simplify(fa.derive(2, "bp").chain().jacobian()).is_symmetric()
jacobian = fa.derive(2, "fa").chain().jacobian()
assert sp.simplify(jacobian[0, 1] - jacobian[1, 0]) != 0
jacobian

# %% [markdown]
# **Meaning.** The loss is no Lyapunov function of FA by construction, and it can indeed rise (page 6). What replaces
# the missing gradient structure are conserved quantities (page 4).
