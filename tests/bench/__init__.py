"""Measurements of the real program as ratios to floors measured in the same run."""
