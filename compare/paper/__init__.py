"""The figures of the paper, arXiv 2405.14957: each from run files, whose results are reused where they are there."""
