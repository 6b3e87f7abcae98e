"""What a signal was worth: labels, scores, and the statistics behind them."""
