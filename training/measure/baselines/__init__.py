"""What a network has to beat, on the same inputs and by the same measures.

`training.measure.baselines.methods` lists them; each of the other modules holds one family.
"""
