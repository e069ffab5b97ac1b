"""How it is computed fast: arrays in, arrays out; no Spark, no I/O."""
