"""The face of this package: closed 15-minute bars in, rows out.

Research wants every row at once:

    matrix = feature_matrix(bars, settings)
    row = Row(matrix.closed_at[i], matrix.quality[i], *matrix.values[i])

Live wants the same rows, bar by bar:

    stream = FeatureStream(settings)
    stream.open(stored)
    row = stream.update(bar)

Both can be told which columns are read (`column_set`): the others stay NaN and cost nothing.
"""

from src.features.bars import BarColumns, FeatureSettings
from src.features.columns import ALL_COLUMNS, ColumnSet, column_set
from src.features.feature_matrix import FeatureMatrix, feature_matrix, row_at
from src.features.feature_stream import FeatureStream
from src.features.row import COLUMNS, MANAGED_FEATURES, STRATEGY_INPUTS, Quality, Row

__all__ = [
    "ALL_COLUMNS",
    "COLUMNS",
    "MANAGED_FEATURES",
    "STRATEGY_INPUTS",
    "BarColumns",
    "ColumnSet",
    "FeatureMatrix",
    "FeatureSettings",
    "FeatureStream",
    "Quality",
    "Row",
    "column_set",
    "feature_matrix",
    "row_at",
]
