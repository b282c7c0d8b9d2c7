"""`make bench`: what Lectern's way of data costs, as ratios with a bare baseline of the same run."""
