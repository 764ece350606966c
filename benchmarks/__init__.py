"""Benchmarks: figures as ratios beside a floor or a peer in the same run, printed as JSON."""
