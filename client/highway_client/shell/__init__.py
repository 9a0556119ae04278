"""The commands of the shell; typer and rich come with the distribution `highway-networks`."""
