"""What the extension says of results and errors, in German: templates as they stand in its code."""

from __future__ import annotations

OWN = {
    # Masks
    "Choose a brush first": "Zuerst einen Pinsel wählen",
    "Erase what is not the object: {name} is the mask.": "Wegradieren, was nicht zum Objekt "
    "gehört: {name} ist die Maske.",
    "What is in the box is the object: {name} is its mask.": "Was im Rahmen ist, ist das Objekt: "
    "{name} ist seine Maske.",
    "Photographs are cut out of their background from now on.": "Fotos werden von jetzt an "
    "freigestellt.",
    "The cut-out network comes from the internet, which Blender's preferences don't allow (System "
    "> Network): allow online access, or put the file {name} in {folder}.": "Das Netz zum "
    "Freistellen kommt aus dem Internet, was Blenders Einstellungen nicht erlauben (System > "
    "Netzwerk): Online-Zugriff erlauben oder die Datei {name} in {folder} legen.",
    # What comes next
    "Select a mesh first": "Erst ein Mesh auswählen",
    "{name}: {count:,} quads": "{name}: {count:,} Vierecke",
    "{name}: {count:,} faces by the voxel remesher, as the mesh is not closed": (
        "{name}: {count:,} Flächen vom Voxel-Remesher, da das Mesh nicht geschlossen ist"
    ),
    "{name} can't be remeshed: {error}": "{name} kann nicht umgeformt werden: {error}",
    "{name} has shape keys, which this would destroy.": "{name} hat Formschlüssel, die dabei "
    "verloren gingen.",
    "{name} is ready": "{name} ist fertig",
    "{name}: UVs and the texture {image}": "{name}: UVs und die Textur {image}",
    "{name} has no colours to bake: reconstruct it from something that has some.": (
        "{name} hat keine Farben zum Backen: aus einer Vorlage rekonstruieren, die welche hat."
    ),
    "Blender can't bake the texture: {error}": "Blender kann die Textur nicht backen: {error}",
    "{count} levels: {counts} faces": "{count} Stufen: {counts} Flächen",
    "{message}. This is a draft: the full mesh follows": (
        "{message}. Das ist ein Entwurf: das fertige Mesh folgt"
    ),
    "{message}. What was changed by hand is kept, hidden, as {name}": (
        "{message}. Was von Hand geändert war, ist als {name} aufgehoben und verborgen"
    ),
    # Before it starts
    "ONet needs its own Python with PyTorch. It came with this build: about a minute, 2 GB on the "
    "disk.": "ONet braucht ein eigenes Python mit PyTorch. Es liegt bei: etwa eine Minute, 2 GB "
    "auf der Platte.",
    "ONet needs its own Python with PyTorch: fetches {size:g} GB, once, in about {minutes} "
    "minutes.": "ONet braucht ein eigenes Python mit PyTorch: holt einmal {size:g} GB, in etwa "
    "{minutes} Minuten.",
    "Blender may not use the internet yet:": "Blender darf noch nicht ins Internet:",
    "About {times:.0f} times as long as Standard": "Etwa {times:.0f}-mal so lang wie Standard",
    "Will take about {seconds:.0f} s": "Dauert etwa {seconds:.0f} s",
    "Will take about {minutes:.0f} minutes": "Dauert etwa {minutes:.0f} Minuten",
    "{count} objects are selected": "{count} Objekte sind ausgewählt",
    "Changed by hand since it was made": "Seit es entstand, von Hand geändert",
    "The report is in the clipboard: paste it into your message about the problem.": (
        "Der Bericht liegt in der Zwischenablage: dort einfügen, wo das Problem gemeldet wird."
    ),
    "{count} meshes: {faces:,} faces in {seconds:.1f} s": (
        "{count} Meshes: {faces:,} Flächen in {seconds:.1f} s"
    ),
    "{message}. {count} failed, the first: {reason}": (
        "{message}. {count} sind misslungen, das erste: {reason}"
    ),
    "The index has brought a build for NVIDIA cards, which was not asked for: choose that build of "
    "PyTorch, or another index.": "Der Index hat eine Fassung für NVIDIA-Karten gebracht, die "
    "nicht gewünscht war: diese Fassung von PyTorch wählen, oder einen anderen Index.",
    # Files from elsewhere
    "This morph can't be shown ({error}).": "Dieser Übergang kann nicht gezeigt werden ({error}).",
    "The file names its model by a path, {model}, which is not followed: put the model into the "
    "model folder of the preferences, and choose it there.": "Die Datei nennt ihr Modell mit einem "
    "Pfad, {model}, dem nicht gefolgt wird: das Modell in den Modellordner der Einstellungen legen "
    "und dort wählen.",
    "The shapes of the morph don't belong together: their codes differ in length.": "Die Formen "
    "des Übergangs gehören nicht zusammen: ihre Codes sind verschieden lang.",
    "The file of the picture {name} is no file but a pipe or a device.": "Die Datei des Bildes "
    "{name} ist keine Datei, sondern eine Pipe oder ein Gerät.",
    # Results
    "{name}: {faces:,} faces in {seconds:.1f} s with the model {model!r}": (
        "{name}: {faces:,} Flächen in {seconds:.1f} s mit dem Modell {model!r}"
    ),
    "{message}. {missing} of the seeds have no surface and were left out": (
        "{message}. {missing} der Startwerte haben keine Oberfläche und wurden weggelassen"
    ),
    "{name} has the colours of its picture": "{name} hat die Farben seines Bildes",
    "{name} was changed meanwhile: try again.": "{name} wurde inzwischen geändert: noch einmal "
    "versuchen.",
    "{message}. {size}, at {place}": "{message}. {size}, bei {place}",
    "Makes: {category}": "Macht: {category}",
    "{source} has changed since": "{source} wurde seither geändert",
    "{count} shapes to choose from": "{count} Formen zur Auswahl",
    "{count} shapes: {faces:,} faces in {seconds:.1f} s with the model {model!r}": (
        "{count} Formen: {faces:,} Flächen in {seconds:.1f} s mit dem Modell {model!r}"
    ),
    "{name}, from {source}, by {model}": "{name}, aus {source}, mit {model}",
    "{name}: a slider through {count} shapes": "{name}: ein Regler durch {count} Formen",
    "{name}: {count:,} faces": ("{name}: {count:,} Flächen"),
    "{count} steps of {name} baked; the morph itself is hidden": "{count} Schritte von {name} "
    "gebacken; der Übergang selbst ist verborgen",
    "The model {name} is in the model folder.": "Das Modell {name} liegt im Modellordner.",
    "The picture is {name}.": "Das Bild ist {name}.",
    "Works: Python {python}, PyTorch {torch}; can compute on {devices}": "Läuft: Python {python}, "
    "PyTorch {torch}; kann rechnen auf {devices}",
    "A coarse shape takes {seconds:.1f} s, which is {reason}": (
        "Eine grobe Form braucht {seconds:.1f} s: {reason}"
    ),
    "fast: the sliders of morphs follow the hand": "schnell, die Regler der Übergänge folgen der "
    "Hand",
    "fine for all but the highest resolutions": "gut für alle außer den höchsten Auflösungen",
    "slow: choose Draft, or a graphics card": "langsam, besser Entwurf oder eine Grafikkarte "
    "wählen",
    "The runtime is ready, but {other} is used, as you have chosen.": "Die Laufzeit ist bereit, "
    "benutzt wird aber wie gewählt {other}.",
    "ONet is ready.": "ONet ist bereit.",
    "The runtime is removed.": "Die Laufzeit ist entfernt.",
    "The runtime is in {folder}": "Die Laufzeit liegt in {folder}",
    "It was made for another version of ONet: press Set Up to renew it": "Sie wurde für eine "
    "andere Version von ONet angelegt: Einrichten erneuert sie",
    "Set outside Blender: {python}": "Außerhalb von Blender gesetzt: {python}",
    "Not usable: {reason}": "Nicht benutzbar: {reason}",
    "Give the Shape to {name}": "Die Form {name} geben",
    # What is in the way
    "Cancelled.": "Abgebrochen.",
    "ONet is still at work: wait, or cancel it first.": "ONet arbeitet noch: warten oder erst "
    "abbrechen.",
    "This scene is linked from another file: choose one of this file": "Diese Szene kommt aus "
    "einer anderen Datei: eine dieser Datei wählen",
    "The scene {name} is linked from another file: choose one of this file.": "Die Szene {name} "
    "kommt aus einer anderen Datei: eine dieser Datei wählen.",
    "The scene {name} is gone: there is no place for what was made.": "Die Szene {name} gibt es "
    "nicht mehr: für das Ergebnis ist kein Platz.",
    "{name} is linked from another file: make it local first.": "{name} kommt aus einer anderen "
    "Datei: erst lokal machen.",
    "The mesh of {name} is linked from another file: make it local.": "Das Mesh von {name} kommt "
    "aus einer anderen Datei: lokal machen.",
    "{name} has nothing to reconstruct: select a mesh": "An {name} ist nichts zu rekonstruieren: "
    "ein Mesh auswählen",
    "No object is chosen: select one, or name it in the panel.": "Kein Objekt ist gewählt: eines "
    "auswählen oder im Bedienfeld nennen.",
    "There is no object {name}.": "Es gibt kein Objekt {name}.",
    "There is no image {name}: choose the mask again.": "Es gibt kein Bild {name}: die Maske neu "
    "wählen.",
    "{source}, which {name} was made from, is gone.": "{source}, woraus {name} gemacht wurde, gibt "
    "es nicht mehr.",
    "{name} is switched off or not in this scene: switch it on first.": "{name} ist abgeschaltet "
    "oder nicht in dieser Szene: erst einschalten.",
    "{name} was not reconstructed: select an object that was.": "{name} wurde nicht "
    "rekonstruiert: ein rekonstruiertes Objekt auswählen.",
    "A picture was asked for, but an object was given.": "Verlangt war ein Bild, gegeben wurde ein "
    "Objekt.",
    "{name} has coordinates that are not finite (NaN or infinite).": "{name} hat Koordinaten, die "
    "nicht endlich sind (NaN oder unendlich).",
    "{name} has no points: choose a mesh or a point cloud that has some.": "{name} hat keine "
    "Punkte: ein Mesh oder eine Punktwolke mit Punkten wählen.",
    "{name} has no faces: choose a mesh that has some.": "{name} hat keine Flächen: ein Mesh mit "
    "Flächen wählen.",
    "The object is scaled to nothing along an axis: reset its scale first.": "Das Objekt ist "
    "längs einer Achse auf nichts skaliert: erst die Skalierung zurücksetzen.",
    "The volume {name} is empty: is its file still there, and does it have a grid of densities?": (
        "Das Volumen {name} ist leer: Gibt es seine Datei noch, und hat es ein Gitter von Dichten?"
    ),
    "There is no active camera to face: add one, or stand it on the floor.": "Es gibt keine aktive "
    "Kamera, zu der es schauen könnte: eine hinzufügen oder es auf den Boden stellen.",
    # Pictures
    "No picture is chosen: open one in the panel first.": "Kein Bild ist gewählt: erst eines im "
    "Bedienfeld öffnen.",
    "There is no picture in the clipboard that Blender can read here: save it as a file and open "
    "that.": "In der Zwischenablage ist kein Bild, das Blender hier lesen kann: als Datei "
    "speichern und die öffnen.",
    "No image editor shows a picture: open one, or select an image empty.": "Kein Bildeditor zeigt "
    "ein Bild: einen öffnen oder ein Bild-Empty auswählen.",
    "A render result can't be read as it is: choose Use the Render.": "Ein Renderergebnis lässt "
    "sich so nicht lesen: Gerendertes Bild nehmen wählen.",
    "The picture {name} is animated: save the frame that you want as a picture of its own.": (
        "Das Bild {name} ist animiert: das gewünschte Einzelbild als eigenes Bild speichern."
    ),
    "The picture {name} is made of tiles (UDIM): choose a picture in one piece.": "Das Bild {name} "
    "besteht aus Kacheln (UDIM): ein Bild aus einem Stück wählen.",
    "The picture {name} has no pixels: its file is gone, or Blender can't read what is in it.": (
        "Das Bild {name} hat keine Pixel: seine Datei ist weg, oder Blender kann ihren Inhalt "
        "nicht lesen."
    ),
    "The picture {name} has changed: try again.": "Das Bild {name} hat sich geändert: noch einmal "
    "versuchen.",
    "Nothing has been rendered yet: render first (F12).": "Noch ist nichts gerendert: erst rendern "
    "(F12).",
    "The picture can't be put among the temporary files: {error}.": "Das Bild lässt sich nicht bei "
    "den temporären Dateien ablegen: {error}.",
    # Files
    "There is no file {path}.": "Es gibt keine Datei {path}.",
    "{name} can't be opened: choose one of {kinds}.": "{name} lässt sich nicht öffnen: eines von "
    "{kinds} wählen.",
    "{name} can't be imported: {error}": "{name} lässt sich nicht importieren: {error}",
    "{name} holds no mesh and no points.": "{name} enthält kein Mesh und keine Punkte.",
    # Morphs
    "The object's latent code is damaged: generate it again.": "Der Code des Objekts ist "
    "beschädigt: noch einmal erzeugen.",
    "{names} was not made by a model with a latent space: select generated objects.": "{names} "
    "stammt nicht von einem Modell mit Codes: erzeugte Objekte auswählen.",
    "{names} were not made by a model with a latent space: select generated objects.": "{names} "
    "stammen nicht von einem Modell mit Codes: erzeugte Objekte auswählen.",
    "A morph needs two shapes or more: select further generated objects.": "Ein Übergang braucht "
    "mindestens zwei Formen: weitere erzeugte Objekte auswählen.",
    "The objects come from different models ({names}): select those of one.": "Die Objekte stammen "
    "von verschiedenen Modellen ({names}): solche von einem auswählen.",
    "The morph {name} is gone.": "Den Übergang {name} gibt es nicht mehr.",
    "{name} has shape keys, which a morph would destroy: bake it.": "{name} hat Shape-Keys, die "
    "ein Übergang zerstören würde: backen.",
    # The runtime
    "The runtime is not set up: press Set Up in the sidebar's tab ONet.": "Die Laufzeit ist "
    "nicht eingerichtet: Einrichten im Reiter ONet der Seitenleiste drücken.",
    "There is no Python at {python}: correct it in the extension's preferences.": "Es gibt kein "
    "Python unter {python}: in den Einstellungen der Erweiterung berichtigen.",
    "There is no Python at {python}: choose another one.": "Es gibt kein Python unter {python}: "
    "ein anderes wählen.",
    "The runtime ({python}) lacks {names}: install what is missing, or choose another Python.": (
        "Der Laufzeit ({python}) fehlt {names}: Fehlendes installieren oder ein anderes Python "
        "wählen."
    ),
    "The runtime can't compute on {device!r}, only on {names}: choose another device.": (
        "Die Laufzeit kann nicht auf {device!r} rechnen, nur auf {names}: ein anderes Gerät wählen."
    ),
    "{device} needs PyTorch {needed}, but the runtime has {version}: choose another device, or set "
    "the runtime up again.": "{device} braucht PyTorch {needed}, aber die Laufzeit hat {version}: "
    "ein anderes Gerät wählen oder die Laufzeit neu einrichten.",
    "There is no log yet.": "Es gibt noch kein Protokoll.",
    "The extension is not enabled: enable it in Blender's preferences.": "Die Erweiterung ist "
    "nicht eingeschaltet: in Blenders Einstellungen einschalten.",
    "{folder} is too long a path for Windows to hold PyTorch: choose a shorter folder for the "
    "runtime, for example C:\\onet.": "{folder} ist für Windows ein zu langer Pfad für PyTorch: "
    "einen kürzeren Ordner für die Laufzeit wählen, zum Beispiel C:\\onet.",
    "The runtime needs {need:.0f} GB on the disk of {folder}, where {free:.1f} GB are "
    "free: make room, or choose another folder.": (
        "Die Laufzeit braucht {need:.0f} GB auf dem Datenträger von {folder}, wo {free:.1f} "
        "GB frei sind: Platz schaffen oder einen anderen Ordner wählen."
    ),
    "PyTorch has no such build for {system}: choose another one.": "PyTorch gibt es in dieser "
    "Fassung nicht für {system}: eine andere wählen.",
    "The usual package index has no build for NVIDIA cards for Windows: fill in PyTorch's Index, "
    "with the address that PyTorch's website gives for your card.": "Der übliche Paketindex hat "
    "keine Fassung für NVIDIA-Karten unter Windows: PyTorchs Index ausfüllen, mit der Adresse, die "
    "PyTorchs Webseite für die Karte nennt.",
    "PyTorch's Index has to be an address that begins with https://.": "PyTorchs Index muss eine "
    "Adresse sein, die mit https:// beginnt.",
    "Setting up fetches PyTorch from the internet, which Blender's preferences don't allow (System "
    "> Network): allow online access, or install the full build.": "Das Einrichten holt PyTorch "
    "aus dem Internet, was Blenders Einstellungen nicht erlauben (System > Netzwerk): Zugriff "
    "erlauben oder die volle Fassung installieren.",
    "The runtime can't be set up in {folder}: {error}.": "Die Laufzeit lässt sich in {folder} "
    "nicht einrichten: {error}.",
    "Setting up stopped unexpectedly (status {status}): try again.": "Das Einrichten brach "
    "unerwartet ab (Status {status}): noch einmal versuchen.",
    "Setting up stopped (status {status}): {error}": "Das Einrichten ist abgebrochen (Status "
    "{status}): {error}",
    "{python} comes without pip: choose another Python.": "{python} hat kein pip: ein anderes "
    "Python wählen.",
    "Another Blender is setting up the runtime: wait for it.": "Ein anderer Blender richtet die "
    "Laufzeit gerade ein: auf ihn warten.",
    "ONet needs Python 3.11 or newer, but {python} is Python {version}.": "ONet braucht Python "
    "3.11 oder neuer, {python} ist aber Python {version}.",
    "The disk is full: make room for the runtime, or choose another folder.": "Der Datenträger ist "
    "voll: Platz für die Laufzeit schaffen oder einen anderen Ordner wählen.",
    "The package index can't be reached: check the network, then press Set Up again.": "Der "
    "Paketindex ist nicht zu erreichen: das Netzwerk prüfen und noch einmal Einrichten drücken.",
    "The package index can't be trusted (its certificate is not accepted): check the network.": (
        "Dem Paketindex ist nicht zu trauen (sein Zertifikat gilt nicht): das Netzwerk prüfen."
    ),
    "There is no {name} for this Python ({python}) and this machine: choose another Python.": (
        "Für dieses Python ({python}) und diesen Rechner gibt es kein {name}: ein anderes Python "
        "wählen."
    ),
    "The folder can't be written to: choose another folder for the runtime.": "In den Ordner lässt "
    "sich nicht schreiben: einen anderen Ordner für die Laufzeit wählen.",
    "A package arrived damaged: press Set Up again.": "Ein Paket kam beschädigt an: noch einmal "
    "Einrichten drücken.",
    "Making the environment": "Legt die Umgebung an",
    "Fetching PyTorch": "Holt PyTorch",
    "Fetching {name}": "Holt {name}",
    "Unpacking (a minute or two)": "Packt aus (ein, zwei Minuten)",
    "Trying it": "Probiert sie aus",
    "Removing": "Entfernt",
    "Done": "Fertig",
    "{name} stands beside {other}, which would have hidden it": (
        "{name} steht neben {other}, worin es nicht zu sehen wäre"
    ),
    "{name} is {longest:.3g} long: taken for {unit}. If that is wrong, choose the unit when you "
    "import it.": (
        "{name} ist {longest:.3g} lang: vermutlich {unit}. Wenn das falsch ist, beim Importieren "
        "die Einheit wählen."
    ),
    "{name} can only be read by the runtime: press Set Up in the tab ONet first.": (
        "{name} kann nur die Laufzeit lesen: erst im Reiter ONet auf Einrichten drücken."
    ),
    "centimetres": "Zentimeter",
    "millimetres": "Millimeter",
}
