"""Dense scans: points with normals and without noise first, then a surface that follows them all.

`reading` asks the learned network, `neighbours` knows which points are next to each, `normals`
finds their axes and `quadrics` their normals; `whole` is a smooth solve over all of them, `sheets`
the field that follows the points, `surface` all together.
"""
