"""How well unusual inputs are told from normal ones; docs/unusual.md tells what is found."""
