"""The only modules that touch the outside. No foreign exception leaves them."""
