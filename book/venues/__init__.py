"""How each venue writes its messages."""
