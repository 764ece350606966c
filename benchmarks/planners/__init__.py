"""How many experiments planners need on problems of flow and droplet chemistry, beside peers.

One thread each, set before anything imports numpy: campaigns are compared by their CPU time.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
