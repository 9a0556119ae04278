"""Questions meet here and leave as runs of the model; knows no HTTP and no JSON."""
