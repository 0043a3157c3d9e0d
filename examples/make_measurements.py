"""Make `measurements.csv`: 120 invented days in a greenhouse, six sensors and two things to predict.

Run `python examples/make_measurements.py` to write the file again, byte by byte the same. The weather of a day
drives several sensors at once, so the inputs are correlated; both targets are linear in the inputs plus noise.
Units are in the names of the columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

SEED = 20140219
DAYS = 120
HEADER = "temperature_c,humidity_pct,light_klux,co2_ppm,soil_moisture_pct,soil_ph,growth_mm_per_day,water_use_l_per_day"


def table(seed: int = SEED) -> str:
    """Return the text of the file.

    Parameters
    ----------
    seed : int
        Seed of `numpy.random.SeedSequence`.

    Returns
    -------
    str
        A header and one line per day, comma separated.
    """
    weather, sensors, outcomes = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    sunshine, mildness = weather.standard_normal((2, DAYS))
    own = sensors.standard_normal((6, DAYS))
    temperature = 22.0 + 2.0 * sunshine + 1.8 * mildness + 0.6 * own[0]
    humidity = 68.0 - 5.0 * sunshine + 3.0 * mildness + 3.0 * own[1]
    light = 32.0 + 8.0 * sunshine + 2.5 * own[2]
    co2 = 780.0 - 60.0 * sunshine + 45.0 * own[3]
    soil_moisture = 41.0 - 2.0 * sunshine - 1.0 * mildness + 3.0 * own[4]
    soil_ph = 6.3 + 0.15 * own[5]

    noise = outcomes.standard_normal((2, DAYS))
    growth = (
        9.0
        + 0.35 * (temperature - 22.0)
        + 0.09 * (light - 32.0)
        + 0.006 * (co2 - 780.0)
        + 0.12 * (soil_moisture - 41.0)
        - 1.5 * (soil_ph - 6.3)
        + 0.4 * noise[0]
    )
    water = (
        54.0
        + 1.4 * (temperature - 22.0)
        - 0.5 * (humidity - 68.0)
        + 0.6 * (light - 32.0)
        - 0.4 * (soil_moisture - 41.0)
        + 2.0 * noise[1]
    )
    columns = (temperature, humidity, light, co2, soil_moisture, soil_ph, growth, water)
    digits = (1, 1, 1, 0, 1, 2, 2, 1)
    rows = (
        ",".join(f"{value:.{n}f}" for value, n in zip(day, digits, strict=True)) for day in zip(*columns, strict=True)
    )
    return "\n".join([HEADER, *rows]) + "\n"


if __name__ == "__main__":
    target = Path(__file__).with_name("measurements.csv")
    target.write_text(table(), encoding="utf-8", newline="\n")
    print(f"{target}: {DAYS} rows")
