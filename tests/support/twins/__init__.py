"""The rules, implemented a second time: each engine in plain Python, written from the rules alone, to be read beside
them.

A twin is naive: it keeps everything, sorts when it needs an order, and computes in fractions. Random histories must
give the same answers on a twin and on its engine; where they differ, the rules decide which of the two is wrong.
"""
