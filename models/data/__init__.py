"""Where the rows come from: each kind of data becomes one `Dataset`, split once and for all."""
