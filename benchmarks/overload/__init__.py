"""Load far above capacity: goodput, latency of refusals, health, recovery, and a greedy client."""
