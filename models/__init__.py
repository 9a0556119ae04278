"""Highway networks, their data, training and gates; of the service only `service.contract`."""
