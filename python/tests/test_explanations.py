"""Explanations: their numbers, and all that Python makes of an object."""

import copy
import html.parser
import pickle

import pytest

import varscale

EXPLANATIONS = [
    varscale.HeNormal().explain((3, 3, 16, 32)),
    varscale.VarianceScaling(0.1, "fan_avg", "uniform").explain((6, 4), layout="torch"),
    varscale.VarianceScaling(3, "fan_geo_avg", input_axes=[0], output_axes=[-1]).explain((2, 3, 4)),
    varscale.RandomUniform(-0.3, 2**40 + 1).explain((5,)),
    varscale.TruncatedNormal(1e-300, 0.1).explain(()),
    varscale.Identity(2).explain((3, 4)),
    varscale.Zeros().explain((0, 2)),
]
PROPERTIES = [name for name in dir(varscale.Explanation) if not name.startswith("_")]


def test_numbers():
    explanation = EXPLANATIONS[0]
    assert explanation.shape == (3, 3, 16, 32)
    assert explanation.roles == ["receptive", "receptive", "input", "output"]
    assert (explanation.fan_in, explanation.fan_out) == (144, 288)
    assert (explanation.scale, explanation.mode, explanation.divisor) == (2, "fan_in", 144)
    assert explanation.variance == 2 / 144
    assert explanation.stddev == pytest.approx((2 / 144) ** 0.5)
    assert varscale.Ones().explain((3,)).fan_in is None
    assert varscale.HeNormal().explain((6, 4), layout="torch").fan_in == 4


@pytest.mark.parametrize("explanation", EXPLANATIONS, ids=str)
def test_what_python_makes_of_them(explanation):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(explanation, protocol))
        assert again == explanation and str(again) == str(explanation)
    assert copy.copy(explanation) == copy.deepcopy(explanation) == explanation
    assert [explanation == other for other in EXPLANATIONS].count(True) == 1

    described = explanation.to_dict()
    assert sorted([*described, "to_dict"]) == PROPERTIES
    assert all(getattr(explanation, name) == value for name, value in described.items())
    known = {name: value for name, value in described.items() if value is not None}
    shown = ", ".join(f"{name}={value!r}" for name, value in known.items())
    assert repr(explanation) == f"Explanation({shown})"

    cells = []
    parser = html.parser.HTMLParser()
    parser.handle_data = cells.append
    parser.feed(explanation._repr_html_())
    assert cells == [text for name, value in known.items() for text in (name, str(value))]
