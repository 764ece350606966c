"""Choosing a model of few samples: preparing columns, validating twice, knowing the domain.

``select(table)`` compares models and examines the best; ``planners.select.surrogate`` gives the
chosen one to a planner. Importing :mod:`planners.select.run` imports scikit-learn.
"""
