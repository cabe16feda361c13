"""A strategy is found by its name, and what is not one is refused with what to do."""

import pytest

from src.core.exceptions import ConfigError
from src.strategies import implementations
from src.strategies.base.strategy_base import strategy_class, strategy_fields
from src.strategies.implementations.atr_based import AtrBased

WHOLE = """
from typing import NamedTuple

from src.strategies.utils.constants import NO_SIGNAL


class MyIdea(NamedTuple):
    stretch: float = 2.0
    hold: int = 4
    fade: bool = True

    def propose(self, row):
        return NO_SIGNAL

    def holds(self, row, side):
        return True
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder whose files count as implementations."""
    monkeypatch.setattr(implementations, "__path__", [*implementations.__path__, str(tmp_path)])
    return tmp_path


def written(folder, name, text):
    (folder / f"{name}.py").write_text(text)
    return name


@pytest.mark.parametrize("name", ["atr_based", "fibonacci_retracement", "mochipoy_alert", "multi_timeframe"])
def test_a_strategy_is_found_by_its_name(name):
    kind = strategy_class(name)
    assert kind.__name__.lower() == name.replace("_", "")
    assert all(isinstance(default, int | float) for default in strategy_fields(kind).values())


def test_a_new_file_is_a_new_strategy(folder):
    kind = strategy_class(written(folder, "my_idea", WHOLE))
    assert strategy_fields(kind) == {"stretch": 2.0, "hold": 4, "fade": True}


@pytest.mark.parametrize("name", ["", "Atr", "../atr_based", "atr.based", "_atr", "os; import", "9lives"])
def test_what_is_not_a_name_is_refused(name):
    with pytest.raises(ConfigError, match="is not a strategy's name"):
        strategy_class(name)


def test_a_name_without_a_file_is_refused_with_the_file_to_write():
    with pytest.raises(ConfigError, match="there is no strategy 'moon_phase'") as refused:
        strategy_class("moon_phase")
    assert "src/strategies/implementations/moon_phase.py" in refused.value.remedy
    assert "class MoonPhase(NamedTuple)" in refused.value.remedy


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("other_name", WHOLE),
        ("no_class", "NoClass = 5\n"),
        ("plain_class", WHOLE.replace("MyIdea(NamedTuple)", "PlainClass")),
        ("no_propose", WHOLE.replace("MyIdea", "NoPropose").replace("def propose", "def suggest")),
        ("no_holds", WHOLE.replace("MyIdea", "NoHolds").replace("def holds", "def keeps")),
        ("heir", WHOLE + "\nclass Heir(MyIdea):\n    pass\n"),
    ],
)
def test_a_file_that_defines_something_else_is_refused(folder, name, text):
    with pytest.raises(ConfigError, match=f"{name}.py does not define a strategy"):
        strategy_class(written(folder, name, text))


def test_a_missing_module_that_the_strategy_itself_imports_is_not_mistaken_for_a_missing_strategy(folder):
    written(folder, "needs_more", "import no_such_library_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_library_at_all"):
        strategy_class("needs_more")


@pytest.mark.parametrize("field", ["stretch: float", "stretch: str = 'far'", "stretch: object = None"])
def test_a_parameter_without_a_numeric_default_is_refused(folder, field):
    text = WHOLE.replace("MyIdea", "BadField").replace("stretch: float = 2.0", field)
    name = f"bad_field_{field.count(' ')}_{len(field)}"
    text = text.replace("BadField", "".join(part.capitalize() for part in name.split("_")))
    kind = strategy_class(written(folder, name, text))
    with pytest.raises(ConfigError, match="parameter 'stretch'") as refused:
        strategy_fields(kind)
    assert refused.value.remedy.startswith("write `stretch: float = …`")


def test_parameters_are_given_by_name():
    assert AtrBased(**{**strategy_fields(AtrBased), "stretch": 3.0}).stretch == 3.0
