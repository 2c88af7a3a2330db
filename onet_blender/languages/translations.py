"""What the interface says in other languages. Another language is another table here."""

from __future__ import annotations

import bpy

from ..runtime.chosen import PACKAGE
from .german_artists import OF_BUTTONS
from .german_damage import OF_DAMAGE
from .german_files import OF_FILES
from .german_inputs import OF_THE_INPUTS
from .german_library import OF_THE_LIBRARY
from .german_movement import OF_FOLLOWING, OF_MOVING_OBJECTS, OF_THE_PANEL
from .german_sentences import OWN

# English text as in the sources -> German.
GERMAN = {
    **OWN,
    **OF_BUTTONS,
    **OF_THE_LIBRARY,
    **OF_DAMAGE,
    **OF_FILES,
    **OF_THE_INPUTS,
    **OF_FOLLOWING,
    **OF_MOVING_OBJECTS,
    **OF_THE_PANEL,
    # Panels and menus
    "Reconstruct": "Rekonstruieren",
    "Advanced": "Erweitert",
    "Result": "Ergebnis",
    "Generate": "Erzeugen",
    "Picture from Elsewhere": "Bild von anderswo",
    "Reconstruct from the Picture": "Aus dem Bild rekonstruieren",
    "Reconstruct from Points": "Aus Punkten rekonstruieren",
    "Reconstruct from Voxels": "Aus Voxeln rekonstruieren",
    "ONet: Reconstruct": "ONet: rekonstruieren",
    "ONet: Use the Render": "ONet: gerendertes Bild nehmen",
    "ONet: make a mesh from it": "ONet: ein Mesh daraus machen",
    "ONet (picture, scan, voxels)": "ONet (Bild, Scan, Voxel)",
    "ONet Shape": "ONet-Form",
    # Buttons
    "Make a mesh from the picture or object that is chosen": "Macht aus dem gewählten Bild oder "
    "Objekt ein Mesh",
    "Reconstruct Again": "Noch einmal rekonstruieren",
    "Again": "Noch einmal",
    "Make the mesh of the active object again from its source, with the panel's settings": (
        "Macht das Mesh des aktiven Objekts noch einmal aus seiner Vorlage, mit den Einstellungen "
        "des Bedienfelds"
    ),
    "Take Its Settings": "Seine Einstellungen übernehmen",
    "Its Settings": "Seine Werte",
    "Set the panel to the settings that the active object was made with": (
        "Stellt das Bedienfeld so ein, wie es war, als das aktive Objekt entstand"
    ),
    "Show What the Network Sees": "Zeigen, was das Netz sieht",
    "Show what the network will see of the picture, and how its background was found": (
        "Zeigt, was das Netz vom Bild sehen wird und wie der Hintergrund gefunden wurde"
    ),
    "Paste from the Clipboard": "Aus der Zwischenablage einfügen",
    "Take the picture that was copied in another program": "Nimmt das Bild, das in einem anderen "
    "Programm kopiert wurde",
    "Use the Render": "Gerendertes Bild nehmen",
    "Take a copy of what was rendered last": "Nimmt eine Kopie dessen, was zuletzt gerendert wurde",
    "Use the Shown Picture": "Gezeigtes Bild nehmen",
    "Take the picture that the image editor or the active object shows": "Nimmt das Bild, das der "
    "Bildeditor oder das aktive Objekt zeigt",
    "ONet from File": "ONet aus Datei",
    "Open a picture, a scan or a mesh and make a mesh from it with ONet": "Öffnet ein Bild, einen "
    "Scan oder ein Mesh und macht mit ONet ein Mesh daraus",
    "Kind": "Art",
    "Kind of data in the file": "Was die Datei enthält",
    "Points without faces, voxels for boxes of one size on a grid": "Punkte, wenn sie keine "
    "Flächen hat, Voxel bei gleich großen Klötzen in einem Raster",
    "A scan, or a mesh whose surface is sampled": "Ein Scan oder ein Mesh, dessen Oberfläche "
    "abgetastet wird",
    "A blocky model, or a mesh made blocky on the way": "Ein Modell aus Klötzen oder ein Mesh, das "
    "unterwegs in Klötze zerlegt wird",
    "Units": "Einheiten",
    "The unit that the file's numbers were measured in": "Die Einheit, in der die Zahlen der Datei "
    "gemessen sind",
    "Files longer than 20 units are read as centimetres": (
        "Dateien von mehr als 20 Einheiten Länge gelten als Zentimeter"
    ),
    "Metres": "Meter",
    "Centimetres": "Zentimeter",
    "Millimetres": "Millimeter",
    "Up": "Oben",
    "The file's vertical axis": "Die senkrechte Achse der Datei",
    "The usual axis of the format: Y for OBJ, else Z": "Wie beim Format üblich: Y bei OBJ, sonst Z",
    "Reconstruct at Once": "Sofort rekonstruieren",
    "Start with the panel's settings; else the file is only put into the scene": "Beginnt mit den "
    "Einstellungen des Bedienfelds; sonst kommt die Datei nur in die Szene",
    "Import a Model": "Modell importieren",
    "Convert a checkpoint of the original Occupancy Networks code (.pt) into the model folder": (
        "Wandelt einen Checkpoint des ursprünglichen Codes der Occupancy Networks (.pt) um und "
        "legt ihn in den Modellordner"
    ),
    "Cancel": "Abbrechen",
    "Stop the work that is going on; the scene stays as it is": "Hält die laufende Arbeit an; die "
    "Szene bleibt, wie sie ist",
    "Free Memory": "Speicher freigeben",
    "End the process that holds the networks; it starts again when it is needed": "Beendet den "
    "Prozess, der die Netze hält; er beginnt neu, wenn er gebraucht wird",
    "Check the Runtime": "Laufzeit prüfen",
    "Test whether the networks run, on what and how fast": "Prüft, ob die Netze "
    "laufen können, und sagt, worauf und wie schnell",
    "Open the preferences of this extension, where the runtime is set": "Öffnet die Einstellungen "
    "dieser Erweiterung, wo die Laufzeit eingestellt wird",
    # Choices
    "From": "Aus",
    "Kind of input that the mesh is made from": "Woraus das Mesh gemacht wird",
    "Picture": "Bild",
    "Points": "Punkte",
    "Voxels": "Voxel",
    "One picture of an object, best in front of a plain background": "Ein Bild eines Objekts, am "
    "besten vor einfarbigem Hintergrund",
    "A scan: a point cloud, or the vertices of a mesh": "Ein Scan: eine Punktwolke oder die "
    "Eckpunkte eines Mesh",
    "A blocky model, a Volume, or any mesh made blocky on the way": "Ein Modell aus Klötzen, ein "
    "Volumen oder irgendein Mesh, das unterwegs in Klötze zerlegt wird",
    "The picture of one object": "Das Bild eines Objekts",
    "Mask": "Maske",
    "A picture of the same view that is white where the object is; empty to find the object by "
    "transparency or by a plain background": "Ein Bild derselben Ansicht, das weiß ist, wo das "
    "Objekt ist; leer, um das Objekt an der Transparenz oder am einfarbigen Hintergrund zu "
    "erkennen",
    "Object": "Objekt",
    "The object to make a mesh from; empty for the active object": "Das Objekt, aus dem ein Mesh "
    "gemacht wird; leer für das aktive",
    "Model": "Modell",
    "The trained network that is used": "Das trainierte Netz, das benutzt wird",
    "Automatic": "Automatisch",
    "The model that suits this kind of input best": "Das Modell, das am besten zu dieser Art von "
    "Vorlage passt",
    "Quality": "Qualität",
    "How fine the meshes are, and how long they take": "Wie fein die Meshes werden und wie "
    "lange sie dauern",
    "Draft": "Entwurf",
    "Coarse and fast, to see whether it works": "Grob und schnell, um zu sehen, ob es geht",
    "Standard": "Standard",
    "A good mesh for most uses": "Ein gutes Mesh für die meisten Zwecke",
    "High": "Hoch",
    "Fine and slow; needs more memory": "Fein und langsam; braucht mehr Speicher",
    "Custom": "Eigene",
    "As set under Advanced": "Wie unter Erweitert eingestellt",
    "Resolution": "Auflösung",
    "Cells of the finest grid along each axis; doubling it gives four times as many faces and "
    "takes two to four times as long": "Zellen des feinsten Gitters längs jeder Achse; doppelt so "
    "viele geben viermal so viele Flächen und dauern zwei- bis viermal so lang",
    "Threshold": "Schwelle",
    "Probability above which a point counts as inside the object: lower gives fatter shapes, "
    "higher thinner ones. 0: the model's own": "Ab welcher Wahrscheinlichkeit ein Punkt als innen "
    "gilt: niedriger ergibt dickere Formen, höher dünnere. 0: die des Modells",
    "Refine": "Verfeinern",
    "Iterations that move the mesh closer to the network's surface; worth it after simplifying. "
    "-1: 30 where faces are simplified, else none": "Durchgänge, die das Mesh näher an die "
    "Oberfläche des Netzes bringen; lohnt sich nach dem Vereinfachen. -1: 30, wo Flächen "
    "vereinfacht werden, sonst keine",
    "Gaps": "Lücken",
    "Leave out the surface that is farther from all points than this many times the distance "
    "between points: for scans of rooms, walls and ground, which are open. A large number closes "
    "all gaps. 0: 4 for a scan that is no solid, else close all": (
        "Lässt die Oberfläche weg, die von allen Punkten weiter entfernt ist als so viele "
        "Punktabstände: für Scans von Räumen, Wänden und Gelände, die offen sind. Eine große Zahl "
        "schließt alle Lücken. 0: 4 bei einem Scan, der kein Körper ist, sonst alle "
        "schließen"
    ),
    "Small Islands": "Kleine Inseln",
    "Remove separate parts that have less than this share of the whole area; 1 keeps only the "
    "largest part. 0: keep all": "Entfernt getrennte Teile, die weniger als diesen Anteil der "
    "ganzen Fläche haben; 1 behält nur den größten Teil. 0: alle behalten",
    "Smooth": "Glätten",
    "Iterations that smooth bumps away; edges become a little rounder. -1: the model's own": (
        "Durchgänge, die Buckel glätten; Kanten werden etwas runder. -1: die des Modells"
    ),
    "Faces": "Flächen",
    "Simplify to about this many triangles. 0: keep all": "Auf etwa so viele Dreiecke "
    "vereinfachen. 0: alle behalten",
    "Set by Hand": "Selbst einstellen",
    "Remove the tick to choose the value yourself": "Haken entfernen, um den Wert selbst zu wählen",
    "Sample Surface": "Oberfläche abtasten",
    "Spread points evenly over the faces of a mesh instead of using its vertices": "Verteilt "
    "Punkte gleichmäßig über die Flächen eines Meshs, statt seine Punkte zu nehmen",
    "Hide Source": "Quelle verbergen",
    "Hide the source, which lies in the same place as the result": "Verbirgt die Quelle, die an "
    "derselben Stelle liegt wie das Ergebnis",
    "Shade Smooth": "Glatt schattieren",
    "Shade the mesh smooth rather than showing its faces": "Schattiert das Mesh glatt, statt seine "
    "Flächen zu zeigen",
    "Colours": "Farben",
    "Give the mesh the colours of the points or faces, where there are any": "Gibt dem Mesh die "
    "Farben der Punkte oder Flächen, wo es welche gibt",
    "Remove Outliers": "Ausreißer entfernen",
    "Ignore points far away from the rest, a common scanner artefact": "Punkte weit abseits der "
    "übrigen nicht beachten, wie Scanner sie oft hinterlassen",
    "Mirror Symmetry": "Spiegelsymmetrie",
    "Of scans that look left-right symmetric, fill holes from the other side; sparse ones get all "
    "mirrored points": (
        "Bei Scans, die links-rechts symmetrisch aussehen, Löcher von der anderen Seite füllen; "
        "dünne bekommen alle gespiegelten Punkte"
    ),
    "Denoise": "Entrauschen",
    "Average out measurement noise in dense scans before the network reads them, if the model is "
    "made for that": "Mittelt das Messrauschen dichter Scans heraus, bevor das Netz sie liest, "
    "wenn das Modell dafür gemacht ist",
    "Snap to Points": "An Punkte ziehen",
    "Pull the surface to the points: keeps more of a dense scan's details, but also of its flaws. "
    "Has no effect where a threshold is given": "Zieht die Oberfläche zu "
    "den Punkten: behält mehr von den Einzelheiten eines dichten Scans, aber auch "
    "von seinen Mängeln. Wirkt nicht, wo eine Schwelle gegeben ist",
    "Place": "Aufstellen",
    "How the mesh made from a picture is put into the scene": "Wie das Mesh aus einem Bild in die "
    "Szene gestellt wird",
    "On the Floor": "Auf den Boden",
    "Stand at the 3D cursor, the front towards the front view": "Steht am 3D-Cursor, vorn zur "
    "Vorderansicht",
    "Face the Camera": "Zur Kamera",
    "Stand at the 3D cursor, the front towards the active camera": "Steht am 3D-Cursor, vorn zur "
    "aktiven Kamera",
    # Properties of calls
    "Name of the object; empty for the active one": "Name des Objekts; leer für das aktive",
    "Name of the image in this file": "Name des Bildes in dieser Datei",
    "Name of the image in this file that is white where the object is": "Name des Bildes in dieser "
    "Datei, das weiß ist, wo das Objekt ist",
    "Name of a model or a weights file; empty for the one that suits": "Name eines Modells oder "
    "einer Datei mit Gewichten; leer für das passende",
    "Update": "Aktualisieren",
    "Name of the object that gets the mesh; empty for a new one": "Name des Objekts, das das Mesh "
    "bekommt; leer für ein neues",
    "File": "Datei",
    # Progress
    "Starting": "Beginnt",
    "Loading the network": "Lädt das Netz",
    "Looking at the input": "Betrachtet die Vorlage",
    "Finding the surface": "Sucht die Oberfläche",
    "Making the mesh": "Macht das Mesh",
    "Simplifying": "Vereinfacht",
    "Refining": "Verfeinert",
    "Smoothing": "Glättet",
    "Opening gaps": "Öffnet Lücken",
    "Removing islands": "Entfernt Inseln",
    "Following the points": "Folgt den Punkten",
    "Finishing": "Schließt ab",
    "Cancelling": "Bricht ab",
    "Ready: leave the edit mode": "Fertig: Bearbeitungsmodus verlassen",
    # Sentences
    "Open a picture first": "Erst ein Bild öffnen",
    "Select an object first": "Erst ein Objekt auswählen",
    "Go to object mode first": "Erst in den Objektmodus wechseln",
    "Select an object that was reconstructed": "Ein rekonstruiertes Objekt auswählen",
    "Choose a model folder in the preferences first": "Erst in den Einstellungen einen "
    "Modellordner wählen",
    "There is no clipboard without a window": "Ohne Fenster gibt es keine Zwischenablage",
    "Learned from: {known}. Licence: {licence}": "Gelernt aus: {known}. Lizenz: {licence}",
    "{some} and {count} more": "{some} und {count} weiteren",
    "Uses the model {model}": "Benutzt das Modell {model}",
    "anything": "allem",
    "unknown": "unbekannt",
    # Generate and morph
    "Morph": "Übergang",
    "Category": "Kategorie",
    "The trained network that generates shapes": "Das trainierte Netz, das Formen erzeugt",
    "Generate one shape or a grid of shapes, each an object of its own": "Erzeugt eine Form oder "
    "ein Raster von Formen, jede ein eigenes Objekt",
    "Roll the Dice": "Würfeln",
    "Choose another seed by chance": "Wählt zufällig einen anderen Startwert",
    "Each number gives another shape; several shapes have consecutive numbers": "Jede Zahl ergibt "
    "eine andere Form; mehrere Formen haben aufeinanderfolgende Zahlen",
    "How Many": "Anzahl",
    "Number of shapes, with consecutive seeds": "Zahl der Formen, mit aufeinanderfolgenden "
    "Startwerten",
    "Spacing": "Abstand",
    "Distance between the shapes of the grid": "Abstand zwischen den Formen des Rasters",
    "Give the first shape to the active object, if it is a generated one": "Gibt die erste Form "
    "dem aktiven Objekt, falls es erzeugt wurde",
    "Morph between Selected": "Übergang zwischen den ausgewählten",
    "Make an object with a slider that goes through the shapes of the selected objects": (
        "Macht ein Objekt mit einem Regler, der durch die Formen der ausgewählten Objekte führt"
    ),
    "Update Morph": "Übergang aktualisieren",
    "Make the morph's mesh again with its slider and settings": "Macht das Mesh des "
    "Übergangs neu, wie Regler und Einstellungen es sagen",
    "Bake": "Backen",
    "Turn the morph into ordinary meshes that play without this extension": "Macht aus dem "
    "Übergang gewöhnliche Meshes, die ohne diese Erweiterung abgespielt werden",
    "As": "Als",
    "Result of the baking": "Ergebnis des Backens",
    "Shape Keys": "Shape-Keys",
    "One object whose vertices move; all steps have the faces of the first": "Ein Objekt, dessen "
    "Punkte sich bewegen; alle Schritte haben die Flächen des ersten",
    "Meshes": "Meshes",
    "An object for each step, seen one after the other; exact, also where holes open": (
        "Ein Objekt für jeden Schritt, nacheinander zu sehen; genau, auch wo sich Löcher öffnen"
    ),
    "Steps": "Schritte",
    "Number of shapes, spread evenly over the frames of the scene": "Wie viele Formen entstehen, "
    "gleichmäßig über die Bilder der Szene verteilt",
    "From the first shape (0) to the last (1); can be keyframed": "Von der ersten Form (0) bis zur "
    "letzten (1); lässt sich mit Keyframes versehen",
    "Preview": "Vorschau",
    "Cells of the grid along each axis while the slider moves": "Wie viele Zellen das "
    "Gitter entlang einer Achse hat, während der Regler sich bewegt",
    "Select two generated shapes or more": "Zwei oder mehr erzeugte Formen auswählen",
    "Make a morph between generated objects, and select it, first": "Erst einen Übergang zwischen "
    "erzeugten Objekten machen und auswählen",
    # Preferences
    "Seed": "Startwert",
    "Replace": "Ersetzen",
    "Set Up": "Einrichten",
    "Remove": "Entfernen",
    "Remove the Runtime": "Laufzeit entfernen",
    "Show Log": "Protokoll zeigen",
    "Log": "Protokoll",
    "Worker": "Arbeitsprozess",
    "Set-up": "Einrichtung",
    "Runtime Folder": "Ordner der Laufzeit",
    "Model Folder": "Modellordner",
    "Processor": "Prozessor",
    "NVIDIA graphics card": "NVIDIA-Grafikkarte",
    "Apple graphics": "Apple-Grafik",
    "Compute on": "Rechnen auf",
    "Set Up with Python": "Einrichten mit Python",
    "PyTorch's Index": "PyTorchs Index",
    "Rest After (Minutes)": "Ruhe nach (Minuten)",
    "Build of PyTorch": "Ausgabe von PyTorch",
    "Start Ahead": "Vorab starten",
    "Use an Existing Python": "Vorhandenes Python benutzen",
    "Make the runtime: fetch PyTorch and the other libraries that the networks need": (
        "Legt die Laufzeit an: holt PyTorch und die anderen Bibliotheken, die die Netze brauchen"
    ),
    "Delete the runtime that Set Up made; frees some gigabytes": (
        "Löscht, was beim Einrichten angelegt wurde; das macht einige Gigabyte frei"
    ),
    "Messages of the process that runs the networks": (
        "Was der Prozess gesagt hat, der die Netze rechnet"
    ),
    "Messages from setting the runtime up": "Meldungen vom Einrichten der Laufzeit",
    "A folder with further models (.safetensors); they appear beside those that come with"
    " the extension": (
        "Ein Ordner mit weiteren Modellen (.safetensors); sie erscheinen neben denen, die"
        " mit der Erweiterung kommen"
    ),
    "After how many minutes without work the process that holds the networks ends and "
    "gives its memory back; it starts again when it is needed": (
        "Nach wie vielen Minuten ohne Arbeit der Prozess, der die Netze hält, endet und "
        "seinen Speicher zurückgibt; er beginnt neu, wenn er gebraucht wird"
    ),
    "Also runs on the processor. On Linux the usual package index has this build; on "
    "Windows fill in PyTorch's Index, with the address that PyTorch's website gives for "
    "your card": (
        "Läuft auch auf dem Prozessor. Unter Linux hat der übliche Paketindex diese "
        "Fassung; unter Windows ist PyTorchs Index auszufüllen, mit der Adresse, die "
        "PyTorchs Webseite für die Karte nennt"
    ),
    "For Macs with Apple's own chips; also runs on the processor": (
        "Für Macs mit Apples eigenen Chips; läuft auch auf dem Prozessor"
    ),
    "Needs a runtime with CUDA": "Braucht eine Laufzeit mit CUDA",
    "Start the process that runs the networks as soon as the panel is shown, so that the "
    "first mesh comes as soon as the others; takes some 500 MB of memory": (
        "Startet den Prozess, der die Netze rechnet, sobald das Bedienfeld zu sehen ist, "
        "damit das erste Mesh so schnell kommt wie die anderen; braucht etwa 500 MB Speicher"
    ),
    "The Python program (3.11 or newer) that Set Up makes the runtime from; empty for the"
    " one that comes with Blender": (
        "Das Python-Programm (ab 3.11), aus dem die Laufzeit gemacht wird; leer für das, "
        "das mit Blender kommt"
    ),
    "The Python program of an environment that has PyTorch and the other libraries, "
    "instead of what Set Up makes": (
        "Das Python-Programm einer Umgebung, die PyTorch und die anderen Bibliotheken "
        "hat, statt dessen, was beim Einrichten entsteht"
    ),
    "The graphics card where there is a usable one, else the processor": (
        "Die Grafikkarte, wo es eine brauchbare gibt, sonst der Prozessor"
    ),
    "The graphics part of Apple's own chips": "Der Grafikteil von Apples eigenen Chips",
    "Where PyTorch is fetched from, as an address. Empty for the usual places, which have the "
    "builds for processors, for Apple's chips and, for Linux, for NVIDIA cards; the addresses of "
    "other builds are on PyTorch's website": "Woher PyTorch geholt wird, als Adresse. Leer für die "
    "üblichen Orte mit den Fassungen für Prozessoren, für Apples Chips und, für Linux, für "
    "NVIDIA-Karten; die Adressen anderer Fassungen stehen auf der Website von PyTorch",
    "Where Set Up puts the runtime; empty for the extension's own folder among your files": (
        "Wo die Laufzeit angelegt wird; leer für den eigenen Ordner der Erweiterung unter"
        " den Benutzerdateien"
    ),
    "Where the networks run": "Worauf die Netze rechnen",
    "Which build of PyTorch Set Up fetches": (
        "Welche Fassung von PyTorch beim Einrichten geholt wird"
    ),
    "Works everywhere; slower than a graphics card": (
        "Geht überall; langsamer als eine Grafikkarte"
    ),
    "Works on every machine": "Geht auf jedem Rechner",
}
# Labels of buttons have a context of their own.
CONTEXTS = ("*", "Operator")
# Blender 5 calls German "de", the versions before "de_DE".
LANGUAGES = {"de": GERMAN, "de_DE": GERMAN}


def register() -> None:
    tables = {
        language: {
            (context, text): german for text, german in table.items() for context in CONTEXTS
        }
        for language, table in LANGUAGES.items()
    }
    bpy.app.translations.register(PACKAGE, tables)


def unregister() -> None:
    bpy.app.translations.unregister(PACKAGE)
