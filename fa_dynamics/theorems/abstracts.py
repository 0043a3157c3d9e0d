"""The sentences of the four abstracts, paraphrased, under the codes that statements name in ``realises``."""

from __future__ import annotations

PAPERS: dict[str, str] = {
    "girotti2021": "Girotti, Mitliagkas, Gidel 2021 (arXiv:2110.10815)",
    "song2021": "Song, Xu, Lafferty 2021 (arXiv:2106.06044)",
    "robertson2024": "Robertson, Koyejo 2024 (arXiv:2306.01870)",
    "radhakrishnan2020": "Radhakrishnan, Nichani, Bernstein, Uhler 2020 (arXiv:2003.06340)",
    "classical": "Classical reference solutions",
}

SENTENCES: dict[str, tuple[str, str]] = {
    "G0": ("girotti2021", "FA is studied as an efficient substitute for backpropagation."),
    "G1": ("girotti2021", "Convergence guarantees with rates for deep linear networks in continuous time."),
    "G2": ("girotti2021", "Convergence guarantees with rates for deep linear networks in discrete time."),
    "G3": ("girotti2021", "Incremental learning is studied for shallow linear networks."),
    "G4": (
        "girotti2021",
        "Some initialisations learn negligible components before principal ones (anti-regularisation, "
        "possibly harmful).",
    ),
    "G5": ("girotti2021", "Other schemes learn components in approximately decreasing importance (regularisation)."),
    "S1": (
        "song2021",
        "Backpropagation is the standard but non-local: a synapse's update needs downstream weights, "
        "which limits its use as a model of the brain.",
    ),
    "S2": ("song2021", "FA replaces them by fixed random backward weights."),
    "S3": (
        "song2021",
        "In over-parameterised two-layer networks with squared loss the error goes to zero exponentially.",
    ),
    "S4": ("song2021", "Regularisation is necessary for the weights to align with the backward weights."),
    "S5": ("song2021", "Simulations agree and suggest generalisations."),
    "S6": ("song2021", "Learning unlike Hebb's rule, with performance comparable to full backpropagation."),
    "R1": ("robertson2024", "FA rules are local, with reduced communication between layers."),
    "R2": ("robertson2024", "They have limitations on multi-class tasks, and alignment is poorly understood."),
    "R3": ("robertson2024", "One framework for the principles behind alignment."),
    "R4": (
        "robertson2024",
        "A conservation law ties weight changes to an implicit regularisation that maintains alignment; experiments.",
    ),
    "R5": ("robertson2024", "Sufficient conditions for convergence from alignment dominance."),
    "R6": ("robertson2024", "Better alignment improves FA on complex multi-class tasks."),
    "R7": ("robertson2024", "Interpretability, and groundwork for better FA algorithms."),
    "A1": (
        "radhakrishnan2020",
        "Alignment is a form of implicit regularisation in linear networks under gradient descent.",
    ),
    "A2": ("radhakrishnan2020", "A definition for several outputs that extends the one-output notion."),
    "A3": ("radhakrishnan2020", "Fully connected networks always have an aligned global minimum."),
    "A4": (
        "radhakrishnan2020",
        "Necessary and sufficient conditions for alignment to be invariant under gradient descent.",
    ),
    "A5": (
        "radhakrishnan2020",
        "Then the dynamics simplify, and an explicit step gives linear convergence to a global minimum.",
    ),
    "A6": ("radhakrishnan2020", "Under layer constraints gradient descent is projected gradient descent."),
    "A7": ("radhakrishnan2020", "Under layer constraints alignment is impossible for large data sets."),
}
"""Code -> paper, and what its abstract announces, in our words."""

BACKGROUND = ("S1",)
"""Sentences that motivate, and claim nothing that a program could check."""
