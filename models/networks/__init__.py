"""Highway classifiers: layers, blocks, families of networks, and the network itself."""
