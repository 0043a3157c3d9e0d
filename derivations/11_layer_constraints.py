# %% [markdown]
# # 11. Layers with linear constraints
#
# **Assumed.** A layer $W=\sum_jw_jA_j$ in a linear space $\mathcal S$ of matrices: convolutions, Toeplitz matrices,
# masks. The $A_j$ are pairwise orthogonal, $\langle A_i,A_j\rangle=n_j\delta_{ij}$ in the Frobenius product. What is
# trained are the coefficients $w_j$.
#
# **To show.** (a) Gradient descent on the coefficients is projected gradient descent, with weights $n_j$. (b) Zero
# padding makes the $n_j$ unequal. (c) Alignment of layers (page 10) is lost, except in spaces whose matrices commute.
# (d) A count of dimensions: constrained networks are too small to be aligned and to fit much data.
#
# Statements: `radhakrishnan2020.projected-gd`, `radhakrishnan2020.constrained-impossible`. They realise claims in the
# abstract of Radhakrishnan, Nichani, Bernstein and Uhler (2020); hypotheses and proofs are this project's.

# %%
import numpy as np
import sympy as sp

import fa_dynamics as fa
from fa_dynamics.derive.conservation import explicit_form
from fa_dynamics.systems import circulant, convolution, iterate_constrained


def basis_of(space):
    """The A_j of a space as SymPy matrices."""
    return [sp.Matrix(*space.shape, [int(entry) for entry in row]) for row in space.basis.toarray()]


def inner(left, right):
    """The Frobenius product <A, B> = tr(A^T B)."""
    return (left.T * right).trace()


def combine(coefficients, matrices):
    """sum_j w_j A_j."""
    return sum((w * a for w, a in zip(coefficients, matrices, strict=True)), sp.zeros(3))


# %% [markdown]
# ## (a) The chain rule is a projection
#
# Let $G=\nabla_W\ell$. By the chain rule $\partial\ell/\partial w_j=\langle A_j,G\rangle$, so a step on the
# coefficients moves $W$ by $-\eta\sum_j\langle A_j,G\rangle A_j$. The nearest matrix of $\mathcal S$ to $G$ is
# $\sum_j\frac1{n_j}\langle A_j,G\rangle A_j$. The two agree iff all $n_j=1$; in general each direction has the step
# $\eta n_j$. Training $\sqrt{n_j}\,w_j$ instead makes them equal.
#
# Take zero-padded convolutions of 3 pixels with a kernel of 3, and let SymPy differentiate an actual loss, that of the
# upper of two layers, with respect to the kernel.

# %%
space = convolution((3,), (3,), "zero")
A = basis_of(space)
norms = [inner(matrix, matrix) for matrix in A]
assert all(inner(A[i], A[j]) == 0 for i in range(3) for j in range(i))
assert norms == [int(n) for n in space.norms] == [2, 3, 2]

flow = fa.derive(depth=2, rule="bp")
sizes = dict.fromkeys(flow.network.sizes, 3)
kernel = sp.symbols("w_1:4", real=True)
lower = sp.Matrix(3, 3, lambda i, j: (3 * i + 5 * j + i * j) % 7 - 3)
moments = {"Sigma_xx": sp.diag(3, 1, 2), "Sigma_yx": sp.Matrix(3, 3, lambda i, j: (2 * i - j) % 5)}
upper = combine(kernel, A)
P = upper * lower
cost = -inner(P, moments["Sigma_yx"]) + inner(P, P * moments["Sigma_xx"]) / 2
matrices = {"W_1": lower, "W_2": upper} | moments
matrices["E"] = explicit_form(flow.error, sizes, matrices)
G = -explicit_form(flow.factored[flow.network.W(2)], sizes, matrices)
for weight, matrix in zip(kernel, A, strict=True):
    assert sp.expand(sp.diff(cost, weight) - inner(matrix, G)) == 0
upper

# %% [markdown]
# That $\sum_j\frac1{n_j}\langle A_j,G\rangle A_j$ is the projection: what is left of $G$ is orthogonal to all of
# $\mathcal S$.

# %%
projected = combine([inner(matrix, G) / n for matrix, n in zip(A, norms, strict=True)], A)
assert all(sp.expand(inner(matrix, G - projected)) == 0 for matrix in A)

# %% [markdown]
# ## (b) Zero padding treats the kernel's entries unequally
#
# $n_j$ counts the pairs of pixels that kernel entry $j$ joins. With circular padding each entry joins every pixel to
# one other. With zero padding a corner of the kernel often hangs over the edge: for a $3\times3$ kernel on a $3\times3$
# image

# %%
zero, circular = convolution((3, 3), (3, 3), "zero"), convolution((3, 3), (3, 3), "circular")
assert zero.norms.tolist() == [4, 6, 4, 6, 9, 6, 4, 6, 4]
assert circular.norms.tolist() == [9] * 9
sp.Matrix(3, 3, [int(n) for n in zero.norms])

# %% [markdown]
# So raw training of a zero-padded kernel is *preconditioned*: its middle learns faster. One step of the package, in
# both metrics, against the unconstrained step:

# %%
random = np.random.default_rng(0)
task = fa.Task.from_arrays(random.standard_normal((20, 9)), random.standard_normal((20, 9)))
begin = [random.standard_normal(9), random.standard_normal(9)]
weights = [zero.matrix(coefficients) for coefficients in begin]
free = fa.iterate(task, (9,), "bp", weights, step_size=0.01, n_steps=1, record=2)
options = {"start": begin, "step_size": 0.01, "n_steps": 1}
plain = iterate_constrained(task, [zero, zero], "bp", metric="orthonormal", **options)
raw = iterate_constrained(task, [zero, zero], "bp", metric="raw", **options)
for layer in (0, 1):
    assert np.allclose(zero.project(free.weights[layer][1]), plain.weights_at(1)[layer], atol=1e-14)
    moved = plain.coefficients[layer][1] - begin[layer]
    assert np.allclose(raw.coefficients[layer][1] - begin[layer], zero.norms * moved, atol=1e-14)

# %% [markdown]
# ## (c) Alignment
#
# Start two layers with the same symmetric kernel, $W_1=W_2=W=W^\top$: then $W_2^\top W_2=W_1W_1^\top$, and they are
# aligned. After a step $F=W_2^\top W_2$ and $G=W_1W_1^\top$ change by $\delta F$ and $\delta G$, and to first order
# $[F,G]=[W^2,\delta G-\delta F]$. Autoencoding a *single* sample $x$ already makes this nonzero:

# %%
x = sp.Matrix(sp.symbols("x_1:4", real=True))


def commutator_rate(basis, kernel):
    """d[W_2^T W_2, W_1 W_1^T]/dt at W_1 = W_2 = W = W^T, under projected descent."""
    same = combine(kernel, basis)
    assert same.is_symmetric()
    matrices = {"W_1": same, "W_2": same, "Sigma_xx": x * x.T, "Sigma_yx": x * x.T}
    matrices["E"] = explicit_form(flow.error, sizes, matrices)
    full = [explicit_form(flow.factored[weight], sizes, matrices) for weight in flow.state]
    moved = [combine([inner(a, each) / inner(a, a) for a in basis], basis) for each in full]
    difference = moved[0] * same.T + same * moved[0].T - moved[1].T * same - same.T * moved[1]
    return (same**2 * difference - difference * same**2).applyfunc(sp.expand)


lost = commutator_rate(A, (1, 2, 1))
assert lost != sp.zeros(3)
sp.factor(lost[0, 1])

# %% [markdown]
# **The exception.** Circulant matrices (circular convolutions with full kernels) are polynomials in one shift: they
# commute with each other and with their transposes. Two of them are aligned whatever their coefficients, so no data can
# destroy it. A blanket statement that constrained layers lose alignment has to exclude them.

# %%
shifts = basis_of(circulant(3))
left, right = (combine(sp.symbols(f"{name}_1:4"), shifts) for name in "cd")
above, below = left.T * left, right * right.T
assert (above * below - below * above).applyfunc(sp.expand) == sp.zeros(3)
assert commutator_rate(shifts, (1, 2, 2)) == sp.zeros(3)

# %% [markdown]
# ## (d) Counting dimensions
#
# Let layers be $m\times m$, in spaces of dimension $d$, and suppose that the first and last layer have distinct
# singular values. An aligned network has $P=U_LSU_0^\top$ with $U_0$ fixed by $W_1$ and $U_L$ by $W_L$, up to signs.
# Each of them depends on its $d$ coefficients up to scale, and $S$ has $m$ entries: such maps form a family of
# dimension at most $2(d-1)+m$. Fitting $N\le m$ generic samples asks for $Nm$ numbers. So no aligned network fits them
# if $Nm>2(d-1)+m$. For $3\times3$ kernels on images of $28\times28$ pixels two samples are too many:

# %%
N, d, m = sp.symbols("N d m", positive=True)
(largest,) = sp.solve(N * m - (2 * (d - 1) + m), N)
assert sp.simplify(largest - (1 + 2 * (d - 1) / m)) == 0
assert 1 < largest.subs({d: 9, m: 28**2}) < 2
assert largest.subs({d: 4, m: 4}) > 2  # small layers with many coefficients are not excluded
largest

# %% [markdown]
# **Seen along a run.** Layers that start aligned, on generic data: for zero padding the commutator defect grows from
# zero (that of the traceless parts, so that layers near the identity do not hide it), for circulant layers it stays
# zero.

# %%
line = convolution((9,), (3,), "zero")
run = iterate_constrained(task, [line, line], "bp", start=[np.array([0.3, 0.9, 0.3])] * 2, step_size=0.02, n_steps=300)
ring = iterate_constrained(task, [circulant(9)] * 2, "bp", start=[np.eye(9)[0]] * 2, step_size=0.02, n_steps=300)
assert run.traceless_commutator_defect[0].max() < 1e-12
assert run.traceless_commutator_defect[-1].max() > 5e-3
assert ring.commutator_defect.max() < 1e-13
assert ring.loss[-1] < ring.loss[0]
