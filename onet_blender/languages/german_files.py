"""What `onet_core.inputs` says of files that hold something else than expected, in German."""

from __future__ import annotations

OF_FILES = {
    # What to do with files that are not read: behind "{name} is not read here: "
    "import it into Blender and choose the object": (
        "in Blender importieren und das Objekt wählen"
    ),
    "it can run programs when it is read, so save its numbers as .npy": (
        "beim Lesen kann sie Programme ausführen, also die Zahlen als .npy speichern"
    ),
    "open it in Blender and choose the object": "in Blender öffnen und das Objekt wählen",
    "open it in Blender as a Volume and choose that object": (
        "in Blender als Volume öffnen und dieses Objekt wählen"
    ),
    "save it as .glb, .stl or .obj in the program that made it": (
        "in dem Programm, aus dem sie kommt, als .glb, .stl oder .obj speichern"
    ),
    "save it as .las, .e57 or .ply in the program that made it": (
        "in dem Programm, aus dem sie kommt, als .las, .e57 oder .ply speichern"
    ),
    "save its numbers as .npy": "die Zahlen als .npy speichern",
    "save one of its pictures as .png": "eines der Bilder als .png speichern",
    "save the picture as .png or .jpg": "das Bild als .png oder .jpg speichern",
    "save the splats as PLY": "die Splats als PLY speichern",
    "save the table as .csv": "die Tabelle als .csv speichern",
    "save the voxels as .vox": "die Voxel als .vox speichern",
    "unpack it first": "zuerst entpacken",
    # What was taken for what
    "It holds {count:,} clouds of {points:,} points, of which the first was read; join them to "
    "one list of rows to read all as one": (
        "Sie enthält {count:,} Wolken aus {points:,} Punkten, von denen die erste gelesen wurde; "
        "als eine Liste von Zeilen werden alle zusammen gelesen"
    ),
    "Its {rows} x {columns} heights became points": (
        "Aus den {rows} x {columns} Höhen wurden Punkte"
    ),
    "The columns {names} were taken for x, y and z; name the right ones x, y and z if these are "
    "others": (
        "Die Spalten {names} gelten als x, y und z; wenn es andere sind, diese x, y und z nennen"
    ),
    "It holds several pictures, of which the first was read": (
        "Sie enthält mehrere Bilder, von denen das erste gelesen wurde"
    ),
    "Its coordinates have steps of {step:g}, which is {share:.1%} of its size: they were rounded "
    "before, far from the origin": (
        "Die Koordinaten haben Schritte von {step:g}, das sind {share:.1%} der Größe: sie wurden "
        "vorher gerundet, weit weg vom Ursprung"
    ),
    "{count:,} points were spread over the faces": (
        "{count:,} Punkte wurden über die Flächen verteilt"
    ),
    "{name} takes more than {limit:,} steps to read: it is not loaded.": (
        "{name} braucht zum Lesen mehr als {limit:,} Schritte und wird nicht geladen."
    ),
    # What it is instead
    "{name} has columns named {names}, but none for z.": (
        "{name} hat Spalten namens {names}, aber keine für z."
    ),
    "{name} has {width} numbers a line, which is no list of points; --kind points takes the first "
    "three for x, y and z.": (
        "{name} hat {width} Zahlen in einer Zeile, was keine Liste von Punkten ist; --kind points "
        "nimmt die ersten drei als x, y und z."
    ),
    "{name} has {width} numbers a row, which is no list of points; --kind points takes the first "
    "three for x, y and z.": (
        "{name} hat {width} Zahlen in einer Reihe, was keine Liste von Punkten ist; --kind points "
        "nimmt die ersten drei als x, y und z."
    ),
    "{name} holds a picture of {width} x {height} pixels: save it as .png.": (
        "{name} enthält ein Bild aus {width} x {height} Pixeln: als .png speichern."
    ),
    "{name} holds positions and turns of a camera, not points.": (
        "{name} enthält Orte und Drehungen einer Kamera, keine Punkte."
    ),
    "{name} claims {pixels:,} pixels in {size:,} bytes; of that many at most {most} a byte are "
    "read.": (
        "{name} gibt {pixels:,} Pixel in {size:,} Bytes an; bei so vielen werden höchstens {most} "
        "je Byte gelesen."
    ),
    "{name} is damaged or not a grid of heights.": (
        "{name} ist beschädigt oder kein Gitter von Höhen."
    ),
    "{name} holds curved surfaces (NURBS), which are not read: save it as polygons.": (
        "{name} enthält gekrümmte Flächen (NURBS), die nicht gelesen werden: als Polygone "
        "speichern."
    ),
    "Its columns name turns, such as pitch and roll: it may hold places of cameras or a path, not "
    "points of a surface": (
        "Ihre Spalten nennen Drehungen wie Nicken und Rollen: vielleicht sind es Orte von Kameras "
        "oder ein Weg, keine Punkte einer Oberfläche"
    ),
    "rename it so that it ends with .glb": "sie so umbenennen, dass sie auf .glb endet",
}
