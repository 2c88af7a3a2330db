"""What buttons and panels say since 0.2.0, in German: texts as they stand in its code."""

from __future__ import annotations

OF_BUTTONS = {
    # Masks
    "Cut Out": "Freistellen",
    "Where neither a mask nor a plain background shows the object, have a network find it, if that "
    "was fetched; else the whole picture is taken": "Wo weder eine Maske noch ein einfarbiger "
    "Hintergrund das Objekt zeigt, sucht ein Netz es, falls das geholt wurde; sonst wird das ganze "
    "Bild genommen",
    "Fetch Cut-Out (5 MB)": "Freistellen holen (5 MB)",
    "Fetch the network that cuts objects out of photographs, once": "Holt das Netz, das Objekte "
    "auf Fotos freistellt, einmal",
    "Cut Out Photographs (5 MB)": "Fotos freistellen (5 MB)",
    "Set Up also fetches the network that finds objects in front of a busy background: U²-Net's "
    "small variant, as the project rembg publishes it": "Einrichten holt auch das Netz, das "
    "Objekte vor unruhigem Hintergrund findet: die kleine Variante von U²-Net, wie das Projekt "
    "rembg sie veröffentlicht",
    "Box": "Rahmen",
    "Paint": "Malen",
    "Box around the Object": "Rahmen um das Objekt",
    "Draw a box around the object: what is around it is left out, and a plain background in it": (
        "Einen Rahmen um das Objekt ziehen: was darum herum ist, bleibt weg, und ein einfarbiger "
        "Hintergrund darin auch"
    ),
    "Left, top, right and bottom, as shares of the picture": "Links, oben, rechts und unten, als "
    "Anteile des Bildes",
    "Paint the Background Away": "Hintergrund wegmalen",
    "Copy the picture and erase its background with a brush; it begins with what is found": (
        "Kopiert das Bild, damit ein Pinsel den Hintergrund wegradiert; es beginnt mit dem, was "
        "gefunden wird"
    ),
    "Brush for Masks": "Pinsel für Masken",
    "Paint with transparency: erase the background, or bring the object back": "Mit Transparenz "
    "malen: den Hintergrund wegradieren oder das Objekt zurückholen",
    "Paint the background away": "Malt den Hintergrund weg",
    "Paint the object back": "Malt das Objekt wieder hin",
    "Erase": "Radieren",
    "Bring Back": "Zurückholen",
    "About the Category": "Über die Kategorie",
    "About the Model": "Über das Modell",
    "Add a Preset": "Voreinstellung hinzufügen",
    "Keep the panel's settings under a name, or remove what was kept": "Hebt die Einstellungen des "
    "Bedienfelds unter einem Namen auf oder entfernt aufgehobene",
    "Presets": "Voreinstellungen",
    "Copy": "Kopieren",
    "Copy the log to the clipboard": "Kopiert das Protokoll in die Zwischenablage",
    "Copy a Problem Report": "Problembericht kopieren",
    "Report a Problem": "Problem melden",
    "The Paper": "Fachartikel",
    "In a 3D view press N and open the tab ONet.": "In einer 3D-Ansicht N drücken und den Reiter "
    "ONet öffnen.",
    "Copy versions, messages and the worker's log to the clipboard, to report a problem": (
        "Kopiert Versionen, Meldungen und das Protokoll des Arbeiters in die Zwischenablage, um "
        "ein Problem zu melden"
    ),
    "Manual": "Handbuch",
    "Open the manual that came with the extension": "Öffnet das Handbuch, das der Erweiterung "
    "beiliegt",
    "The manual is not in this build.": "Das Handbuch ist in dieser Fassung nicht enthalten.",
    "Show the end of a log, to read it or to send it to somebody who can help": "Zeigt das Ende "
    "eines Protokolls, zum Lesen oder für jemanden, der helfen kann",
    "End of the Log": "Ende des Protokolls",
    "Remove the Runtime?": "Laufzeit entfernen?",
    "Setting it up again downloads it again.": "Beim nächsten Einrichten wird sie neu geholt.",
    "Allow Online Access": "Onlinezugriff erlauben",
    "Preferences of ONet": "Einstellungen von ONet",
    "Object Mode": "Objektmodus",
    "Draft Quality": "Qualität Entwurf",
    "Automatic Threshold": "Automatische Schwelle",
    "Clear Scale": "Skalierung zurücksetzen",
    # Headings of check boxes
    "Mesh": "Mesh",
    "Finish": "Abschluss",
    "Keep": "Behalten",
    "Keep All": "Alle",
    "Close All": "Alle zu",
    "Draft First": "Erst ein Entwurf",
    "If the mesh takes long, show a draft until it is ready": "Zeigt, wo das "
    "Mesh lange dauert, einen Entwurf, den das fertige ersetzt",
    # Thumbnails
    "Draw small pictures of the shapes that the next seeds give, to choose one of them": (
        "Zeichnet kleine Bilder der Formen, die die nächsten Startwerte ergeben, zum Aussuchen"
    ),
    "Ready: waiting for the render": "Fertig: wartet auf das Rendern",
    "{name} is gone, for which this mesh was made.": "{name}, wofür dieses Mesh entstand, ist weg.",
    "Show Choices": "Auswahl zeigen",
    "More Choices": "Weitere zeigen",
    "Shape": "Form",
    "A seed, chosen by its shape": "Ein Startwert, nach seiner Form gewählt",
    # Results that follow their source
    "Live Update": "Live erneuern",
    "Make this mesh again, beside the interface, whenever its source has changed. The source is "
    "shown as wire": (
        "Macht dieses Mesh neben der Arbeit neu, sobald sich seine Vorlage ändert. Die Vorlage "
        "wird als Draht gezeigt"
    ),
    "Make the mesh of an object again from its source, with its own settings": (
        "Macht das Mesh eines Objekts aus seiner Vorlage neu, so wie es gemacht wurde"
    ),
    "Name of the object that gets the mesh": "Name des Objekts, das das Mesh bekommt",
    "Checksum of the Source": "Prüfsumme der Vorlage",
    "A checksum of the source, to see whether it has changed since": (
        "Eine Prüfsumme der Vorlage, an der sich zeigt, ob sie seither geändert wurde"
    ),
    "Update a reconstructed mesh to the adjusted settings": "Bringt ein rekonstruiertes Mesh "
    "auf den Stand dessen, was geändert wurde",
    "Give the mesh the colours of the picture that it was made from": "Gibt dem Mesh die Farben "
    "des Bildes, aus dem es gemacht wurde",
    "Colours from the Picture": "Farben aus dem Bild",
    "Select an object that was made from a picture": "Ein Objekt wählen, das aus einem Bild "
    "gemacht wurde",
    # What comes next
    "Next Step": "Nächster Schritt",
    "Remesh to Quads": "Zu Vierecken umformen",
    "Make clean quads of the mesh, with its colours": "Macht aus dem Mesh saubere Vierecke, mit "
    "seinen Farben",
    "Quads": "Vierecke",
    "About how many quads": "Etwa wie viele Vierecke",
    "Approximate number of quads that Remesh to Quads makes": (
        "Etwa wie viele Vierecke beim Umformen entstehen"
    ),
    "Make Ready for Use": "Fertig machen",
    "Remove small parts, put the origin at the base, apply the scale and mark sharp edges": (
        "Entfernt kleine Teile, setzt den Ursprung an den Fuß, wendet die Skalierung an und "
        "markiert scharfe Kanten"
    ),
    "Remove Small Parts": "Kleine Teile entfernen",
    "Remove separate parts of less than a hundredth of the largest's area": (
        "Entfernt einzelne Teile mit weniger als einem Hundertstel der Fläche des größten"
    ),
    "Origin at the Base": "Ursprung am Fuß",
    "Middle of the floor": "Mitte der Standfläche",
    "Apply Scale": "Skalierung anwenden",
    "Put the object's scale into its mesh": "Überträgt die Skalierung des Objekts auf sein Mesh",
    "Smooth by Angle": "Nach Winkel glätten",
    "Smooth faces, sharp at edges": "Glatte Flächen, scharf an Kanten",
    "Angle": "Winkel",
    "Edges with a larger angle than this are sharp": "Ab welchem Winkel eine Kante scharf ist",
    "Own Collection": "Eigene Sammlung",
    "Move it into a new collection of its name": "Legt es in eine neue Sammlung seines Namens",
    "Colours to Texture": "Farben in Textur",
    "Unwrap the mesh and bake its colours to a texture": "Wickelt das Mesh ab und backt seine "
    "Farben in eine Textur",
    "Pixels": "Pixel",
    "Width and height of the texture": "Breite und Höhe der Textur",
    "Levels of Detail": "Detailstufen",
    "Make three levels of detail: all faces, a quarter, and one in sixteen": "Macht drei "
    "Detailstufen: alle Flächen, ein Viertel und ein Sechzehntel",
    "Side by Side": "Nebeneinander",
    "Otherwise all levels lie in one place and only the finest is shown": (
        "Sonst alle an einem Ort, gezeigt wird die feinste"
    ),
}
