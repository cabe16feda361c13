"""The exported models as trading runs them: LightGBM and XGBoost through their C interfaces, the forest through ONNX.

The Python packages of the two boosters import scikit-learn and pandas wherever these are installed, and cost a tenth of
a millisecond and more a row. Their shared libraries are loaded directly instead.
"""
