"""Result files: whole spectra only, wherever the share is mounted."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.analysers.result_file import ResultFile
from drivers.errors import DeviceFault

WHOLE = "ppm,intensity\n" + "".join(f"{k / 2},{k * k}\n" for k in range(20))


def result(folder, **more):
    return ResultFile("nmr", {r"C:\Spinsolve": str(folder)}, timeout_s=5.0, **more)


def put(folder, text, name="spectrum.csv"):
    (folder / "7").mkdir(exist_ok=True)
    (folder / "7" / name).write_text(text)
    return r"C:\Spinsolve\7"


@pytest.mark.virtual
async def test_a_whole_file_is_a_spectrum(tmp_path):
    axis, y = await result(tmp_path).read(put(tmp_path, WHOLE))
    assert axis.tolist() == [k / 2 for k in range(20)]
    assert y.tolist() == [k * k for k in range(20)]


@pytest.mark.virtual
async def test_a_descending_axis_is_turned_round(tmp_path):
    lines = WHOLE.splitlines(keepends=True)
    folder = put(tmp_path, lines[0].replace("ppm", "Frequency(ppm)") + "".join(lines[:0:-1]))
    axis, y = await result(tmp_path).read(folder)
    assert (axis[0], axis[-1], y[-1]) == (0.0, 9.5, 361.0)


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("text", "why"),
    [
        (WHOLE[:-3], "cut short"),
        ("time,volts\n" + WHOLE.split("\n", 1)[1], "header"),
        ("ppm\n" + WHOLE.split("\n", 1)[1], "header"),
        ("ppm,intensity\n", "0 points of 16"),
        ("\n", "header"),
        (WHOLE.replace("3.0,36", "3.0,nan"), "not finite"),
        (WHOLE.replace("3.0,36", "3.0,inf"), "not finite"),
        (WHOLE.replace("3.0,36", "3.0,1e999"), "not finite"),
        (WHOLE.replace("3.0,36", "3.0"), r"its line 8 is '3\.0', not two numbers"),
        (WHOLE.replace("3.0,36", "3.0,36,1"), r"its line 8 is '3\.0,36,1', not two numbers"),
        (WHOLE.replace("3.0,36", "3.0,many"), r"its line 8 is '3\.0,many', not two numbers"),
        (WHOLE.replace("3.0,36\n", "3.0,36\n\n"), "its line 9 is '', not two numbers"),
        ("ppm,intensity\n\n", "its line 2 is '', not two numbers"),
        (WHOLE.replace("3.0,36", "2.5,36"), "back and forth"),
        (WHOLE.replace("3.0,36", "3.0,\u0663"), "ascii"),
        ("ppm,intensity\n1,2\n3,4\n", "2 points of 16"),
    ],
)
async def test_anything_less_is_a_fault_and_never_a_spectrum(tmp_path, text, why):
    with pytest.raises(DeviceFault, match=why):
        await result(tmp_path).read(put(tmp_path, text))


@pytest.mark.virtual
async def test_a_file_with_other_than_the_expected_points_is_a_fault(tmp_path):
    with pytest.raises(DeviceFault, match="within 5 s: it has 20 points of 32768"):
        await result(tmp_path, points=32768).read(put(tmp_path, WHOLE))


@pytest.mark.virtual
async def test_a_file_with_more_points_than_expected_is_a_fault_at_once(tmp_path):
    began = asyncio.get_running_loop().time()
    with pytest.raises(DeviceFault, match="20 points of 16"):
        await result(tmp_path, points=16).read(put(tmp_path, WHOLE))
    assert asyncio.get_running_loop().time() - began < 1.0


@pytest.mark.virtual
async def test_a_file_that_never_comes_is_a_fault(tmp_path):
    with pytest.raises(DeviceFault, match="no complete file within 5 s"):
        await result(tmp_path).read(r"C:\Spinsolve\8")


@pytest.mark.virtual
async def test_a_file_that_stays_empty_is_a_fault(tmp_path):
    with pytest.raises(DeviceFault, match="no complete file"):
        await result(tmp_path).read(put(tmp_path, ""))


@pytest.mark.virtual
async def test_a_file_that_still_grows_is_waited_for(tmp_path):
    folder = put(tmp_path, WHOLE[:40])
    loop = asyncio.get_running_loop()
    loop.call_later(0.7, put, tmp_path, WHOLE[:80])
    loop.call_later(1.2, put, tmp_path, WHOLE)
    began = loop.time()
    axis, _ = await result(tmp_path).read(folder)
    assert len(axis) == 20
    assert loop.time() - began >= 1.5


@pytest.mark.virtual
async def test_a_file_too_long_for_a_spectrum_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr("drivers.analysers.result_file.MAX_BYTES", 100)
    with pytest.raises(DeviceFault, match="longer than"):
        await result(tmp_path).read(put(tmp_path, WHOLE))


@pytest.mark.virtual
async def test_a_folder_in_the_file_s_place_is_a_fault(tmp_path):
    (tmp_path / "7" / "spectrum.csv").mkdir(parents=True)
    with pytest.raises(DeviceFault, match="directory"):
        await result(tmp_path).read(r"C:\Spinsolve\7")


async def test_in_real_time_files_are_read_beside_the_loop(tmp_path):
    axis, _ = await result(tmp_path).read(put(tmp_path, WHOLE))
    assert len(axis) == 20


async def test_in_real_time_a_fault_of_the_share_is_a_fault_of_the_instrument(tmp_path):
    (tmp_path / "7" / "spectrum.csv").mkdir(parents=True)
    with pytest.raises(DeviceFault, match="directory"):
        await result(tmp_path).read(r"C:\Spinsolve\7")


async def test_a_share_that_hangs_is_given_up(tmp_path, monkeypatch):
    import threading

    let_go = threading.Event()
    monkeypatch.setattr(Path, "exists", lambda _path: let_go.wait(10))
    files = ResultFile("nmr", {r"C:\Spinsolve": str(tmp_path)}, timeout_s=0.1)
    with pytest.raises(DeviceFault, match=r"no complete file within 0\.1 s"):
        await files.read(r"C:\Spinsolve\7")
    let_go.set()
    await asyncio.sleep(0.05)  # the thread reports to nobody, without harm


@pytest.mark.parametrize(
    ("roots", "folder", "path"),
    [
        ({r"C:\Spinsolve": "/mnt/nmr"}, r"C:\Spinsolve\2026\1", "/mnt/nmr/2026/1/spectrum.csv"),
        ({r"C:\Spinsolve": "/mnt/nmr"}, r"c:\spinsolve\1", "/mnt/nmr/1/spectrum.csv"),
        ({r"\\pc\data": "/mnt/pc"}, r"\\pc\data\1", "/mnt/pc/1/spectrum.csv"),
        ({}, "/data/1", "/data/1/spectrum.csv"),
    ],
)
def test_folders_are_found_where_they_are_mounted(roots, folder, path):
    assert ResultFile("nmr", roots).path(folder) == Path(path)


@pytest.mark.parametrize(
    ("roots", "folder"),
    [
        ({}, ""),
        ({}, r"C:\Spinsolve\1"),
        ({r"C:\Spinsolve": "/mnt"}, r"D:\Other\1"),
        ({r"C:\Spinsolve": "/mnt"}, r"C:\Spinsolve\..\Windows"),
        ({r"C:\Spinsolve": "/mnt"}, "/etc"),
        ({}, "relative/1"),
    ],
)
def test_folders_elsewhere_are_refused(roots, folder):
    with pytest.raises(DeviceFault, match="folder"):
        ResultFile("nmr", roots).path(folder)


@given(st.integers(16, 60), st.floats(-20, 20), st.floats(0.001, 1))
def test_any_finite_spectrum_is_read_as_it_was_written(n, start, step):
    axis = start + step * np.arange(n)
    text = "ppm,intensity\n" + "".join(f"{x!r},{x * 2!r}\n" for x in axis.tolist())
    read, y = ResultFile("nmr", {})._parsed(text.encode())
    assert read.tolist() == axis.tolist()
    assert y.tolist() == (axis * 2).tolist()
