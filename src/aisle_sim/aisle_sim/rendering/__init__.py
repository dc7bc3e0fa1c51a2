"""Depth and colour images of the simulated store, drawn on the CPU over a cached still background.

``raster`` fills triangles, ``meshes`` shapes people, goods and furniture, ``scene`` knows what stands and moves in the
store, ``depth_image`` and ``color_image`` turn it into what a sensor of ``params`` reports.
"""
