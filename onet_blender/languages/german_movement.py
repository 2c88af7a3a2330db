"""What is said about movements, in German: texts as they stand in the code."""

from __future__ import annotations

# Of the library, then of the extension, then on buttons and in panels.
OF_FOLLOWING = {
    "A movement needs two frames or more: choose a longer range.": "Eine Bewegung braucht zwei "
    "Frames oder mehr: einen längeren Bereich wählen.",
    "Frame {frame}, whose mesh was to move, is not among the frames.": "Frame {frame}, dessen Mesh "
    "sich bewegen sollte, ist nicht unter den Frames.",
    "The points of frame {frame} are no places in space.": "Die Punkte von Frame {frame} sind "
    "keine Orte im Raum.",
    "Frame {frame}, whose mesh was to move, has {count} points and needs {least}: choose another "
    "one.": "Frame {frame}, dessen Mesh sich bewegen sollte, hat {count} Punkte und braucht "
    "{least}: einen anderen wählen.",
    "Only frame {frame} has {least} points or more: there is no movement to follow.": "Nur Frame "
    "{frame} hat {least} Punkte oder mehr: es gibt keine Bewegung, der man folgen könnte.",
    "{vertices:,} vertices at {frames} frames are too many: choose fewer faces or a larger "
    "step.": "{vertices:,} Vertices in {frames} Frames sind zu viele: weniger Flächen oder eine "
    "größere Schrittweite wählen.",
    "Frames with fewer than {least} points were left out: {frames}": "Frames mit weniger als "
    "{least} Punkten wurden weggelassen: {frames}",
    "The mesh does not reach the points of these frames, a sudden change perhaps: {frames}": "Das "
    "Mesh reicht in diesen Frames nicht an die Punkte heran, vielleicht ein plötzlicher Wechsel: "
    "{frames}",
    "A movement is followed through points: these are none.": "Einer Bewegung wird durch Punkte "
    "gefolgt: das sind keine.",
    "A movement needs the points of all its frames, and how many each has.": "Eine Bewegung "
    "braucht die Punkte aller ihrer Frames, und wie viele jeder hat.",
}
OF_MOVING_OBJECTS = {
    "No object is chosen: select one that moves, or one for each frame.": "Kein Objekt ist "
    "gewählt: eines wählen, das sich bewegt, oder eines je Frame.",
    "A movement needs two frames or more: choose a longer range.": OF_FOLLOWING[
        "A movement needs two frames or more: choose a longer range."
    ],
    "Frame {frame}, whose mesh was to move, has {count} points and needs {least}: choose another "
    "one.": OF_FOLLOWING[
        "Frame {frame}, whose mesh was to move, has {count} points and needs {least}: choose "
        "another one."
    ],
    "{count:,} frames are too many: choose a larger step.": "{count:,} Frames sind zu viele: eine "
    "größere Schrittweite wählen.",
    "{name}: {count:,} vertices move through {frames} frames": "{name}: {count:,} Vertices bewegen "
    "sich durch {frames} Frames",
    "{count} objects, one for each frame, by name": "{count} Objekte, eines je Frame, nach Namen",
    "Select an object that moves, or one for each frame": "Ein Objekt wählen, das sich bewegt, "
    "oder eines je Frame",
    "Reading frame {frame}": "Liest Frame {frame}",
    "Following the movement": "Folge der Bewegung",
    "{name} has no shape keys that move.": "{name} hat keine Shape Keys, die sich bewegen.",
    "Choose a file for the mesh cache.": "Eine Datei für den Mesh-Cache wählen.",
    "{name}: {count} frames in {file}": "{name}: {count} Frames in {file}",
}
OF_THE_PANEL = {
    "Movement": "Bewegung",
    "Follow the Movement": "Der Bewegung folgen",
    "Make one mesh that moves from an object that moves, or from one object for each frame": (
        "Macht ein Mesh, das sich bewegt, aus einem bewegten Objekt oder aus einem Objekt je Frame"
    ),
    "The first frame that is followed": "Der erste Frame, dem gefolgt wird",
    "The last frame that is followed": "Der letzte Frame, dem gefolgt wird",
    "The first frame, once it was chosen": "Der erste Frame, sobald er gewählt wurde",
    "The last frame, once it was chosen": "Der letzte Frame, sobald er gewählt wurde",
    "Follow every frame (1), every second one (2), and so on; in between the mesh fades over": (
        "Jedem Frame folgen (1), jedem zweiten (2) und so weiter; dazwischen blendet das Mesh über"
    ),
    "Movement to Mesh Cache": "Bewegung in Mesh-Cache",
    "Write the movement of the shape keys to a file that Blender plays, for many frames": (
        "Schreibt die Bewegung der Shape Keys in eine Datei, die Blender abspielt, für viele Frames"
    ),
    "Select a mesh whose shape keys move": "Ein Mesh wählen, dessen Shape Keys sich bewegen",
    "Which frames are followed": "Welchen Frames gefolgt wird",
    "Name of the object; empty for the selected ones": "Name des Objekts; leer für die gewählten",
    "Step": "Schrittweite",
    "Start": "Anfang",
    "End": "Ende",
}
