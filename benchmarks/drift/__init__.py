"""How often the server says "drifting" without drift, and how soon it does with drift."""
