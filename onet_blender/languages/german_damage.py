"""German for what is wrong inside damaged files, as half sentences (`onet_core.errors.Damage`)."""

from __future__ import annotations

OF_DAMAGE = {
    "a face has fewer corners than it says": "eine Fläche hat weniger Ecken als angegeben",
    "a grid of {x} by {y} by {z} cells has no cells": (
        "ein Gitter von {x} mal {y} mal {z} Zellen hat keine Zellen"
    ),
    "a list has a negative length": "eine Liste hat eine negative Länge",
    "a list is longer than the file": "eine Liste ist länger als die Datei",
    "a mesh has a negative number": "ein Mesh hat eine negative Nummer",
    "a morph target has other vertices than its mesh": (
        "ein Morph-Ziel hat andere Eckpunkte als sein Mesh"
    ),
    "a skin has other vertices than its mesh": "eine Skin hat andere Eckpunkte als ihr Mesh",
    "a skin names bones that are not there": "eine Skin nennt Knochen, die fehlen",
    "a node has an impossible number of children": (
        "ein Knoten hat eine unmögliche Zahl von Kindern"
    ),
    "a node has an impossible number of entries": (
        "ein Knoten hat eine unmögliche Zahl von Einträgen"
    ),
    "a node is below two others or below itself": (
        "ein Knoten liegt unter zwei anderen oder unter sich selbst"
    ),
    "a node names a model that is not there": "ein Knoten nennt ein Modell, das fehlt",
    "a text has a negative length": "ein Text hat eine negative Länge",
    "a rotation is not valid": "eine Drehung ist ungültig",
    "a view has a negative number": "ein BufferView hat eine negative Nummer",
    "a view reaches beyond its buffer": "ein BufferView reicht über seinen Puffer hinaus",
    "an accessor has a negative number": "ein Accessor hat eine negative Nummer",
    "an accessor reaches beyond its buffer": "ein Accessor reicht über seinen Puffer hinaus",
    "faces point at vertices that are not there": "Flächen zeigen auf Eckpunkte, die fehlen",
    "it announces {rows:,} rows and holds {held:,}": (
        "sie kündigt {rows:,} Zeilen an und enthält {held:,}"
    ),
    "it announces {total:,} points and holds {held:,}": (
        "sie kündigt {total:,} Punkte an und enthält {held:,}"
    ),
    "it does not begin with VOX": "sie beginnt nicht mit VOX",
    "it ends in the middle of a run": "sie endet mitten in einer Folge gleicher Zellen",
    "it ends in the middle of its numbers": "sie endet mitten in ihren Zahlen",
    "it ends in the middle of its points": "sie endet mitten in ihren Punkten",
    "it ends in the middle of its rows": "sie endet mitten in ihren Zeilen",
    "it ends in the middle of its splats": "sie endet mitten in ihren Splats",
    "it ends in the middle of its vertices": "sie endet mitten in ihren Eckpunkten",
    "it ends in the middle of its voxels": "sie endet mitten in ihren Voxeln",
    "it ends too early": "sie endet zu früh",
    "it has fewer than three coordinates": "er hat weniger als drei Koordinaten",
    "it has more than three dimensions": "sie hat mehr als drei Dimensionen",
    "it has no fields x, y and z": "ihr fehlen die Felder x, y und z",
    "it has no header of that format": "ihr fehlt der Kopf dieses Formats",
    "it has no voxels": "sie hat keine Voxel",
    "it is a binary OFF, save it as text": "sie ist ein binäres OFF, als Text speichern",
    "it is cut off": "sie ist abgeschnitten",
    "it is no object": "sie ist kein Objekt",
    "it is of an unknown version": "sie ist von unbekannter Version",
    "it is of version {version}, not 2": "sie ist von Version {version}, nicht 2",
    "it lacks {part}": "ihr fehlt {part}",
    "its Draco-compressed part is damaged": "ihr mit Draco gepackter Teil ist beschädigt",
    "its compressed points are larger than the points": (
        "die komprimierten Punkte sind größer als die Punkte"
    ),
    "its compressed points are damaged": "ihre gepackten Punkte sind beschädigt",
    "its data is of an unknown kind {kind!r}": "ihre Daten sind von unbekannter Art {kind!r}",
    "its fields have impossible lengths": "ihre Felder haben unmögliche Längen",
    "its first line is not '#binvox'": "ihre erste Zeile ist nicht '#binvox'",
    "its first line is not OFF": "ihre erste Zeile ist nicht OFF",
    "its header contradicts itself": "ihr Kopf widerspricht sich",
    "its header has no end": "ihr Kopf hat kein Ende",
    "its header names no known kind of data": "ihr Kopf nennt keine bekannte Art von Daten",
    "its place or scale is not a number": "ihr Ort oder Maßstab ist keine Zahl",
    "its runs do not fill the grid": "ihre Folgen gleicher Zellen füllen das Gitter nicht",
    "its scene goes round in circles": "ihre Szene führt im Kreis",
    "its size is no multiple of {count} bytes": "ihre Größe ist kein Vielfaches von {count} Bytes",
    "its vertices have no x, y and z": "ihren Eckpunkten fehlen x, y und z",
    "vertices are counted from 1": "Eckpunkte werden ab 1 gezählt",
    "{word!r} is no number": "{word!r} ist keine Zahl",
    "a face has {count:,} corners, of {limit:,} at most": (
        "eine Fläche hat {count:,} Ecken, von höchstens {limit:,}"
    ),
}
