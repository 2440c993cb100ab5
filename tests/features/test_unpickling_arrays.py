"""Pickles of strangers give arrays and nothing else."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from codaar_core.api import DataError
from codaar_core.features import load_array

DTYPES = st.sampled_from(["float16", "float32", "float64", "int64", "uint8", "bool", ">f4"])


@given(
    DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, max_side=4))),
    st.integers(0, 5),
    st.sampled_from("CF"),
)
@settings(deadline=None, max_examples=60)
def test_every_protocol_gives_the_array_back(array, protocol, order):
    array = np.asarray(array, order=order)
    written = pickle.dumps(array, protocol=protocol)
    loaded = load_array(written, "x.pkl")
    assert loaded.dtype == array.dtype.newbyteorder("=") and loaded.flags.writeable
    np.testing.assert_array_equal(loaded, array)


@pytest.mark.parametrize("protocol", [2, 4])  # module names as text; longer ones would need their length changed
@pytest.mark.parametrize("home", ["numpy.core", "numpy._core"])
def test_both_homes_of_numpy(home, protocol):
    written = pickle.dumps(np.arange(6, dtype=np.float32).reshape(2, 3), protocol=protocol)
    here = b"numpy._core" if b"numpy._core" in written else b"numpy.core"
    there = home.encode()
    if protocol == 4:  # SHORT_BINUNICODE has its length before it, and the frame its own
        old, new = (b"\x8c" + bytes([len(each) + 11]) + each + b".multiarray" for each in (here, there))
        frame = int.from_bytes(written[3:11], "little") + len(there) - len(here)
        written = written[:3] + frame.to_bytes(8, "little") + written[11:].replace(old, new)
    else:
        written = written.replace(here, there)
    assert there + b".multiarray" in written
    np.testing.assert_array_equal(load_array(written, "x.pkl"), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("protocol", range(6))
def test_an_array_without_elements(protocol):
    assert load_array(pickle.dumps(np.zeros((0, 128)), protocol=protocol), "x.pkl").shape == (0, 128)


def test_a_numpy_number_is_an_array_without_axes():
    assert load_array(pickle.dumps(np.float32(2.5)), "x.pkl") == np.array(2.5)


class Call:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.called = (function, arguments)

    def __reduce__(self):
        return self.called


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (Call(os.system, "echo no > ran"), f"{os.system.__module__}.system"),
        (Call(eval, "1"), "builtins.eval"),
        (Call(np.load, "x.npy"), "numpy.load"),
        (Call(getattr, np.zeros(1), "tofile"), "builtins.getattr"),
    ],
)
def test_a_forbidden_global_is_named_and_not_run(call, name, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = name.replace("builtins", "__builtin__") if protocol < 3 else name
    with pytest.raises(DataError, match=f"bad/x.pkl: the pickle asks for {name}, which was refused"):
        load_array(pickle.dumps([np.zeros(2), call], protocol=protocol), "bad/x.pkl")
    assert not (tmp_path / "ran").exists()


def test_an_array_of_objects_is_refused_before_its_objects_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hidden = np.array([Call(os.system, "echo no > ran")], dtype=object)
    with pytest.raises(DataError, match="expected a pickled array of numbers, found an array of O8"):
        load_array(pickle.dumps(hidden), "x.pkl")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": 1}, "a dict"),
        ([1, 2], "a list"),
        (np.array(["a"]), "an array of U1"),
        (np.array([None]), "an array of O8"),
        (np.zeros(1, "c16"), "an array of c16"),
        (np.zeros(1, "M8[s]"), "an array of M8"),
        (np.zeros(1, [("a", "f4")]), "an array of V4"),
    ],
)
def test_what_is_no_array_of_numbers(value, found):
    with pytest.raises(DataError, match=f"x.pkl: expected a pickled array of numbers, found {found}"):
        load_array(pickle.dumps(value), "x.pkl")


@given(st.binary(max_size=60))
@settings(deadline=None, max_examples=100)
def test_noise_is_one_clear_error(content):
    with pytest.raises(DataError, match="x.pkl"):
        load_array(content, "x.pkl")


@given(st.integers(0, 200))
@settings(deadline=None, max_examples=25)
def test_a_cut_pickle(length):
    whole = pickle.dumps(np.arange(100.0), protocol=4)
    with pytest.raises(DataError, match="x.pkl: the pickle is damaged"):
        load_array(whole[:length], "x.pkl")


def test_a_pickle_cannot_make_addresses_of_bytes():
    """As called by a pickle, ndarray would take any eight bytes for the address of an object."""
    array = Call(np.ndarray, (1,), np.dtype("f8"), b"A" * 8)
    with pytest.raises(DataError, match="x.pkl: the pickle is damaged"):
        load_array(pickle.dumps(array), "x.pkl")


OBJECT_FLAG_CLEARED = r"""
from codaar_core.api import DataError
from codaar_core.features import load_array

def text(value):
    return b"X" + len(value).to_bytes(4, "little") + value.encode()

state = b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"  # the last number: no flags
dtype = b"cnumpy\ndtype\n(" + text("O8") + b"K\x00K\x01tR" + state
for home in (b"numpy.core", b"numpy._core"):
    try:
        load_array(b"\x80\x03c" + home + b".multiarray\nscalar\n(" + dtype + b"C\x08" + b"A" * 8 + b"tR.", "x.pkl")
    except DataError as error:
        print(error)
"""


def test_the_object_flag_of_a_type_cannot_be_cleared():
    """Such a scalar would dereference eight bytes of the file, which ends the process with SIGSEGV."""
    done = subprocess.run([sys.executable, "-c", OBJECT_FLAG_CLEARED], capture_output=True, text=True, timeout=120)
    refused = "x.pkl: expected a pickled array of numbers, found an array of O8"
    assert (done.returncode, done.stdout.splitlines()) == (0, [refused] * 2), done.stderr


def reduced(function, arguments, state=None) -> bytes:
    class Value:
        def __reduce__(self):
            return (function, arguments) if state is None else (function, arguments, state)

    return pickle.dumps(Value(), protocol=4)


RECONSTRUCT = np.zeros(1).__reduce__()[0]
FROM_BUFFER = np.zeros(1).__reduce_ex__(5)[0]
SCALAR = np.float32(0).__reduce__()[0]


@pytest.mark.parametrize(
    ("pickled", "told"),
    [
        (b"r\xff\xff\xff\x1f.", "memo index"),
        (b"p99999999\n.", "memo index"),
        (b"\x8e" + (1 << 40).to_bytes(8, "little") + b"x.", "damaged"),
        (b"\x96" + (1 << 40).to_bytes(8, "little") + b"x.", "damaged"),
        (b"N" * 20_000 + b".", "more than 10,000 steps"),
        (reduced(FROM_BUFFER, (b"12345678", np.dtype("f8"), (10**12,), "C")), "8 bytes do not give"),
        (reduced(FROM_BUFFER, (b"", np.dtype("f8"), (0, 10**30), "C")), "damaged"),
        (reduced(FROM_BUFFER, (b"12345678", np.dtype("f8"), (-1,), "C")), "no tuple of sizes"),
        (reduced(FROM_BUFFER, (b"12345678", "f8", (1,), "C")), "none of numpy"),
        (reduced(FROM_BUFFER, (b"12345678", np.dtype("f8"), (1,), "A")), "unknown order"),
        (reduced(FROM_BUFFER, (7, np.dtype("f8"), (1,), "C")), "the content is a int"),
        (reduced(SCALAR, (np.dtype("f8"), b"1234")), "4 bytes do not give"),
        (reduced(RECONSTRUCT, (np.ndarray, (0,), b"b")), "an array without content"),
        (reduced(RECONSTRUCT, (np.ndarray, (0,), b"b"), (1, (2,), np.dtype("f4"), False, [1.0, 2.0])), "is a list"),
        (reduced(RECONSTRUCT, (np.ndarray, (0,), b"b"), {"shape": 1}), "not that of an array"),
    ],
)
def test_sizes_are_checked_before_memory_is_taken(pickled, told):
    with pytest.raises(DataError, match=rf"x\.pkl: the pickle is damaged.*{told}" if told != "damaged" else told):
        load_array(pickled, "x.pkl")


def test_the_same_text_many_times_is_refused():
    text = b"X" + (50_000).to_bytes(4, "little") + b"a" * 50_000 + b"q\x00"
    encode = b"(c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    with pytest.raises(DataError, match="more content than the file has"):
        load_array(b"\x80\x02" + text + encode * 100 + b".", "x.pkl")


def test_a_pickle_cannot_change_what_it_is_given():
    class Changed:
        def __reduce__(self):
            return (frombuffer, (b"\0" * 8, np.dtype("f8"), (1,), "C"), (None, {"__defaults__": (1, 2, 3)}))

    frombuffer = np.zeros(1).__reduce_ex__(5)[0]
    with pytest.raises(DataError):
        load_array(pickle.dumps(Changed()), "x.pkl")
    with pytest.raises(DataError, match=r"the state of \w+ may not be set"):
        load_array(b"cnumpy._core.numeric\n_frombuffer\n}b.", "x.pkl")
    np.testing.assert_array_equal(load_array(pickle.dumps(np.ones(2), protocol=5), "x.pkl"), [1, 1])
