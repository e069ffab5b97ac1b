"""What is done to a ticket: pure `DataFrame -> DataFrame` functions."""
