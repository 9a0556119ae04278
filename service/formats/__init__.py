"""What clients send and get, as bytes: JSON and binary tensors, checked before they are used."""
