"""Highway networks, their data, training and gates; imports torch, never `export` or `service`."""
