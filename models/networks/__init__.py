"""Highway classifiers: layers, blocks, families of networks, and the network itself.

`HighwayDense` and `HighwayConv` are for networks of one's own (`models.networks.custom`).
"""

from models.networks.layers import HighwayConv, HighwayDense

__all__ = ["HighwayConv", "HighwayDense"]
