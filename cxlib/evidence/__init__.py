"""What a gate proved about which image: signed statements, and the rules by which they are believed.

Pure: no file, no network, no clock of its own. It also runs inside the cluster, where a promotion
checks the evidence itself; it needs nothing of ours but ``cxlib.errors``.
"""

# Where MLflow keeps it: a run a judged gate, and the signed envelope among its artifacts.
EXPERIMENT, FILE = "cx-gates", "evidence.json"
