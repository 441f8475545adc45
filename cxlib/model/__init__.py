"""What flows between the layers: frozen values, no input or output."""
