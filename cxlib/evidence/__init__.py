"""What a gate proved about which image: signed statements, and the rules by which they are believed.

Pure: no file, no network, no clock of its own. It also runs inside the cluster, where a promotion
checks the evidence itself; it needs nothing of ours but ``cxlib.errors``.
"""
