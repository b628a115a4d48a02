"""What a run leaves beside the weights: costs, exports, curves and the model card."""
