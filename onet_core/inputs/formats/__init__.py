"""One module for each format of input files, registered by a line in `onet_core.kinds.FORMATS`.

Each has `read(path, kind) -> Content`. kind: "auto", or which kind of input the file is wanted as,
for files that can be several. Raises InputError with one sentence for whatever can't be read.
"""
