"""NetCDF files: what is read, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest

from fa_dynamics.errors import InputError
from fa_dynamics.tasks import load

xarray = pytest.importorskip("xarray")
pytest.importorskip("h5py", reason="h5netcdf 1.8 writes no file without h5py")

X = np.arange(12.0).reshape(4, 3) ** 2
Y = np.array([1.0, 0.0, 2.0, 5.0])


@pytest.fixture
def netcdf(tmp_path):
    def write(**variables):
        xarray.Dataset(variables).to_netcdf(tmp_path / "data.nc", engine="h5netcdf")
        return tmp_path / "data.nc"

    return write


def test_variables_x_and_y(netcdf):
    task = load(netcdf(X=(("sample", "feature"), X), Y=("sample", Y)))
    np.testing.assert_array_equal(task.inputs, X)
    np.testing.assert_array_equal(task.targets[:, 0], Y)


def test_text_becomes_one_hot_with_classes_only(netcdf):
    path = netcdf(X=(("s", "f"), X), Y=("s", np.array(["b", "a", "b", "a"])))
    task = load(path, classes=True)
    assert task.output_names == ("a", "b")
    np.testing.assert_array_equal(task.targets[:, 0], [0, 1, 0, 1])
    with pytest.raises(InputError, match=r"Y: given text; .*classes=True"):
        load(path)


def test_missing_variable(netcdf):
    with pytest.raises(InputError, match=r"no array Y; there is X, Z"):
        load(netcdf(X=(("s", "f"), X), Z=("s", Y)))


def test_samples_not_first(netcdf):
    with pytest.raises(InputError, match="samples first"):
        load(netcdf(X=(("f", "s"), X.T), Y=("s", Y)))


def test_fill_values(netcdf):
    with pytest.raises(InputError, match="X: nan at row 0, column 1"):
        load(netcdf(X=(("s", "f"), np.where(X == 1, np.nan, X)), Y=("s", Y)))


def test_not_netcdf(tmp_path):
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(InputError, match=r"text\.nc: cannot be read as NetCDF"):
        load(tmp_path / "text.nc")


def test_damaged_file(netcdf):
    path = netcdf(X=(("s", "f"), X), Y=("s", Y))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="cannot be read as NetCDF"):
        load(path)


def test_hdf5_without_dimensions(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "plain.nc", "w") as file:
        file["X"], file["Y"] = X, Y
    np.testing.assert_array_equal(load(tmp_path / "plain.nc").inputs, X)


def test_missing_library_says_what_to_install(netcdf, monkeypatch):
    path = netcdf(X=(("s", "f"), X), Y=("s", Y))
    monkeypatch.setattr("h5netcdf.core.no_h5py", True)
    with pytest.raises(InputError, match="pip install h5py"):
        load(path)
