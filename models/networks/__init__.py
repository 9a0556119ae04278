"""What a highway classifier is made of: layers, blocks, the network that they make."""
