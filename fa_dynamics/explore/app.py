"""The page: a marimo application whose cells read sliders, and pure functions that do the rest."""

import marimo

app = marimo.App(width="full", app_title="Feedback alignment explorer", css_file="page.css")

with app.setup:
    from typing import Any

    import marimo as mo

    from fa_dynamics.errors import InputError, IntegrationError
    from fa_dynamics.explore import controls as ui
    from fa_dynamics.explore.equations import equations
    from fa_dynamics.explore.picture import picture
    from fa_dynamics.explore.presets import opened, presets, titles
    from fa_dynamics.explore.snippet import link
    from fa_dynamics.explore.solved import solve
    from fa_dynamics.explore.state import DEEPEST, State
    from fa_dynamics.explore.verdict import times_table, verdicts


@app.cell
def _() -> Any:
    address, complaint = opened(mo.query_params().to_dict())
    return address, complaint


# Every cell shows the controls that it makes: one that only reads them would be run and drawn again at every move.


@app.cell
def _(address: State) -> Any:
    _own = "as in the address"
    _known, _rows = titles(), presets()
    _title = next((title for title, name in _known.items() if _rows[name] == address), _own)
    menu = mo.ui.dropdown({**_known, **({_own: ""} if _title == _own else {})}, value=_title, label="preset")
    mo.Html(
        "<header><h1>Feedback alignment, mode by mode</h1><p>Learning curves of a deep linear network from a start of "
        "your choice, exact where the rule has an exact solution. Curvatures are 1; hollow dots mark when a mode is "
        "learned.</p></header>"
        f"{ui.panel([menu])}"
    )
    return (menu,)


@app.cell
def _(complaint: str | None) -> Any:
    mo.callout(complaint, kind="warn") if complaint else None
    return


@app.cell
def _(address: State, menu: Any) -> Any:
    base = presets()[menu.value] if menu.value else address
    return (base,)


@app.cell
def _(base: State) -> Any:
    rule = ui.rule_menu(base)
    depth = mo.ui.slider(1, DEEPEST, value=base.depth, label="depth L", show_value=True)
    spectrum = ui.spectrum_sliders(base)
    own = ui.spectrum_text(base)
    level = mo.ui.slider(0.5, 0.999, 0.001, value=base.level, label="level", show_value=True)
    same = mo.ui.switch(value=base.same, label="BP from the same start")
    mo.Html(ui.panel([rule, depth], [*spectrum.elements.values()], [own, level, same]))
    return depth, level, own, rule, same, spectrum


@app.cell
def _(base: State) -> Any:
    layers = ui.layer_sliders(base)
    moment = mo.ui.slider(0, 1, 0.01, value=0.25, label="time")
    mo.Html(ui.layer_panel(layers, moment))
    return layers, moment


# One cell for all that a move changes: every cell that runs costs the browser a tenth of the time of a move.


@app.cell
def _(
    base: State, depth: Any, layers: Any, level: Any, moment: Any, own: Any, rule: Any, same: Any, spectrum: Any
) -> Any:
    try:
        _state = ui.state_of(
            base, rule.value, depth.value, spectrum.value, own.value, layers.value, level.value, same.value
        )
        solved = solve(_state)
        _shown = verdicts(solved) + picture(solved, moment.value) + times_table(solved) + link(solved)
    except (InputError, IntegrationError) as _refusal:
        solved, _shown = None, mo.callout(str(_refusal), kind="warn").text
    mo.Html(_shown)
    return (solved,)


@app.cell
def _(depth: Any, rule: Any) -> Any:
    _parts = (f"<div>{mo.md(part).text}</div>" for part in equations(depth.value, rule.value))
    mo.Html(f'<div class="equations" data-depth="{depth.value}">{"".join(_parts)}</div>')
    return


if __name__ == "__main__":
    app.run()
