"""The search for settings goes on where it was stopped, as if it had not been."""

import json

import numpy as np
import pytest

from src.core.domain.time import DAY, Millis
from src.ml.noise_world import WorldShape, live, noise_world
from src.ml.search import Searched, search, tuning_split
from src.ml.teaching import Lesson
from src.ml.walk_forward import Fold

TRIALS = 13  # the sampler looks at earlier trials from the eleventh on
WORLD = noise_world(WorldShape(days=400), 2)


def guessing(lesson: Lesson):
    """Return a quick teacher whose answers hang on the lesson."""
    share = 0.3 + lesson.recipe.lightgbm["learning_rate"] * lesson.recipe.xgboost["max_depth"] / 2

    def teach(fold: Fold) -> np.ndarray:
        return np.full(len(fold.asked), share)

    return teach


def searched(folder, trials: int, stop_in: int | None = None, seed: int = 0) -> tuple[Searched, list[str]]:
    """Return what a search found and the settings it tried; trial number `stop_in` is stopped as by Ctrl-C."""
    tried: list[str] = []

    def told(number, lesson, returns) -> None:
        if number == stop_in:
            raise KeyboardInterrupt
        tried.append(json.dumps([dict(lesson.recipe.lightgbm), dict(lesson.recipe.xgboost)]))

    def worth(found) -> np.ndarray:
        return live(WORLD, np.nan_to_num(found.probability) > 0.5).returns

    start = Lesson()._replace(recipe=Lesson().recipe._replace(seed=seed))
    before = Millis(int(WORLD.asked.decided_at[-1]))
    split = tuning_split(WORLD.dataset, WORLD.asked, before, 5 * DAY)
    given = (folder, "made", start, WORLD.dataset, WORLD.asked, split, trials)
    return search(*given, map, guessing, worth, told), tried


@pytest.mark.parametrize("stop_in", [0, 3, 11])
@pytest.mark.no_cover
def test_a_search_that_was_stopped_tries_and_finds_what_one_in_a_piece_does(tmp_path, stop_in):
    whole, tried = searched(tmp_path / "whole", TRIALS)
    assert len(set(tried)) == TRIALS
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "parts", TRIALS, stop_in)
    found, after = searched(tmp_path / "parts", TRIALS)
    assert after == tried[stop_in:]
    assert found.lesson == whole.lesson
    assert found.trials == TRIALS
    assert found.returns.tobytes() == whole.returns.tobytes()


def test_more_trials_go_on_and_the_first_is_the_recipe_as_it_stands(tmp_path):
    whole, tried = searched(tmp_path / "whole", 5)
    searched(tmp_path / "parts", 2)
    found, after = searched(tmp_path / "parts", 5)
    assert (after, found.lesson) == (tried[2:], whole.lesson)
    assert searched(tmp_path / "parts", 5)[1] == []
    first = json.loads(tried[0])[0]
    assert first["n_estimators"] == Lesson().recipe.lightgbm["n_estimators"]
    assert searched(tmp_path / "other", 5, seed=1)[1][1:] != tried[1:]
