"""Lowering: a trained torch model becomes the integer graph, in small passes.

capture (torch → float graph) → fold (norms, scales, biases) → quantize (float graph → integer graph) → ranges.
"""
