"""Dense scans: points with normals and without noise first, then a surface that follows them all.

`network` reads a scan with the learned network, `normals` refines its normals,
`whole` is a smooth solve over all of them, `sheets` the field that follows the points, `following`
its surface, `surface` all together.
"""
