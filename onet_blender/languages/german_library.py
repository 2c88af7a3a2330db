"""What `onet_core` says of errors, in German: templates as they stand in its code."""

from __future__ import annotations

OF_THE_LIBRARY = {
    "Could not write {path}: {reason}.": "{path} ließ sich nicht schreiben: {reason}.",
    "The object was cut out of its background: see whether it is the right one": "Das Objekt wurde "
    "freigestellt: nachsehen, ob es das richtige ist",
    "This shape is mostly guessed (about {percent} % of it is likely to be right): try a picture "
    "of the whole object, seen a little from above, or mask it": "Diese Form ist meist geraten "
    "(etwa {percent} % davon dürften stimmen): ein Bild vom ganzen Objekt versuchen, etwas von "
    "oben gesehen, oder es maskieren",
    "There is nothing in the picture to take colours from.": "Im Bild ist nichts, dessen Farben "
    "genommen werden könnten.",
    # Files that can't be read
    "{path} can't be read: {reason}.": "{path} kann nicht gelesen werden: {reason}.",
    "{path} can't be read: it is no file but a pipe or a device.": "{path} kann nicht gelesen "
    "werden: es ist keine Datei, sondern eine Pipe oder ein Gerät.",
    "it is no file but a pipe or a device": "es ist keine Datei, sondern eine Pipe oder ein Gerät",
    "it is a folder": "es ist ein Ordner",
    "it is empty": "sie ist leer",
    "it is a link that leads in a circle": "es ist ein Verweis, der im Kreis führt",
    "it is a link to a file that is not there": "es ist ein Verweis auf eine Datei, die fehlt",
    "its name is too long": "der Name ist zu lang",
    "its name can't be that of a file": "so kann keine Datei heißen",
    "there is no such file": "diese Datei gibt es nicht",
    "there is no permission to read it": "es fehlt das Recht, sie zu lesen",
    "There are no files in {folder} that could be inputs.": "In {folder} sind keine Dateien, die "
    "Eingaben sein könnten.",
    "The folder {folder} can't be made: {reason}.": "Der Ordner {folder} kann nicht angelegt "
    "werden: {reason}.",
    "{end} Its log ({path}) ends with: {log}": "{end} Sein Protokoll ({path}) endet mit: {log}",
    "{name} holds no weights of this network: {reason}": "{name} enthält keine Gewichte dieses "
    "Netzes: {reason}",
    "{message} The details are in {path}.": "{message} Die Einzelheiten stehen in {path}.",
    "The worker was closed before it had answered.": (
        "Der Arbeitsprozess wurde beendet, bevor er geantwortet hatte."
    ),
    "The worker did not answer within {timeout:g} seconds.": (
        "Der Arbeitsprozess hat nicht innerhalb von {timeout:g} Sekunden geantwortet."
    ),
    "The worker does not know the method {method!r}.": (
        "Der Arbeitsprozess kennt die Methode {method!r} nicht."
    ),
    "The request {method!r} can't be sent: {error}": (
        "Der Auftrag {method!r} lässt sich nicht senden: {error}"
    ),
    "{python} can't be started: {error}.": "{python} lässt sich nicht starten: {error}.",
    "its answer can't be understood: {error}": "seine Antwort ist nicht zu verstehen: {error}",
    "it said nothing for {seconds:g} seconds": "er sagte {seconds:g} Sekunden lang nichts",
    "exit status {status}": "Status {status}",
    "it hung, silent for {seconds:g} seconds, and was ended: try again, with another input if it "
    "hangs again": "er hing, war {seconds:g} Sekunden lang still und wurde beendet; noch einmal "
    "versuchen, wenn er wieder hängt mit einer anderen Eingabe",
    "The runtime ({python}) lacks the package {name!r}: set it up again.": (
        "Der Laufzeit ({python}) fehlt das Paket {name!r}: neu einrichten."
    ),
    "An unexpected error stopped this step ({kind}: {error}).": (
        "Ein unerwarteter Fehler brach diesen Schritt ab ({kind}: {error})."
    ),
    "There is not enough memory: choose a lower resolution.": (
        "Der Speicher reicht nicht: eine niedrigere Auflösung wählen."
    ),
    "The worker process stopped unexpectedly: {reason}.": "Der Arbeitsprozess hielt unerwartet an: "
    "{reason}.",
    "The worker process ({python}) could not be started: {reason}.": "Der Arbeitsprozess "
    "({python}) ließ sich nicht starten: {reason}.",
    "it was killed, perhaps because the memory was full: try a lower resolution": "er wurde "
    "beendet, vielleicht weil der Speicher voll war; eine niedrigere Auflösung versuchen",
    "it crashed: try to compute on the processor": "er ist abgestürzt; auf dem Prozessor zu "
    "rechnen versuchen",
    "The worker's log can't be made among the temporary files: {error}.": "Das Protokoll des "
    "Arbeitsprozesses lässt sich nicht bei den temporären Dateien anlegen: {error}.",
    "There is no Python at {python}: set the runtime up again.": "Es gibt kein Python unter "
    "{python}: die Laufzeit neu einrichten.",
    "The memory of {device} is full: lower the resolution, close other programs.": "Der Speicher "
    "von {device} ist voll: die Auflösung senken, andere Programme schließen.",
    "The memory of {device} is full: lower the resolution, close other programs, or choose the "
    "device 'cpu'.": "Der Speicher von {device} ist voll: die Auflösung senken, andere Programme "
    "schließen oder auf dem Prozessor rechnen.",
    "No surface at threshold {threshold:g}: the network takes the whole box for outside; "
    "its probabilities range from {low} to {high}. Try a threshold such as {other}, or "
    "check the input.": (
        "Keine Oberfläche bei Schwelle {threshold:g}: das Netz hält alles für außen; seine "
        "Wahrscheinlichkeiten reichen von {low} bis {high}. Eine Schwelle wie {other} "
        "versuchen oder die Vorlage prüfen."
    ),
    "No surface at threshold {threshold:g}: the network takes the whole box for inside; "
    "its probabilities range from {low} to {high}. Try a threshold such as {other}, or "
    "check the input.": (
        "Keine Oberfläche bei Schwelle {threshold:g}: das Netz hält alles für innen; seine "
        "Wahrscheinlichkeiten reichen von {low} bis {high}. Eine Schwelle wie {other} "
        "versuchen oder die Vorlage prüfen."
    ),
    "There is no model {name!r}; there are: {names}.": (
        "Es gibt kein Modell {name!r}; es gibt: {names}."
    ),
    "There is no weights file {path}.": "Es gibt keine Datei {path} mit Gewichten.",
    "{name} is damaged or cut off; get it again.": "{name} ist beschädigt oder abgeschnitten: neu "
    "besorgen.",
    "There is a model {name} already: rename the file first.": "Ein Modell {name} gibt es schon: "
    "erst die Datei umbenennen.",
    # Devices and memory
    "Unknown device {name!r}: choose auto, cpu, cuda, cuda:1 or mps.": (
        "Unbekanntes Gerät {name!r}: auto, cpu, cuda, cuda:1 oder mps wählen."
    ),
    "There is no GPU for {name!r} that this torch ({version}) can use: choose 'auto' or "
    "'cpu', or install a torch for your GPU.": (
        "Für {name!r} gibt es keine Grafikkarte, die dieses Torch ({version}) benutzen kann: "
        "'auto' oder 'cpu' wählen oder ein Torch für die Grafikkarte installieren."
    ),
    "There is no {name!r}: the GPUs are cuda:0 to cuda:{last}.": (
        "Es gibt kein {name!r}: die Grafikkarten sind cuda:0 bis cuda:{last}."
    ),
    "On an Apple GPU the networks need PyTorch {needed}, not {version}: set the runtime up again, "
    "or choose 'auto' or 'cpu'.": "Auf einer Apple-Grafik brauchen die Netze PyTorch {needed}, "
    "nicht {version}: die Laufzeit neu einrichten, oder 'auto' oder 'cpu' wählen.",
    "There is no Apple GPU that torch can use: choose 'auto' or 'cpu'.": (
        "Es gibt keine Apple-Grafik, die Torch benutzen kann: 'auto' oder 'cpu' wählen."
    ),
    "The memory of {device} is too full for {batch} points at once: close other programs "
    "that use it, or choose the CPU.": (
        "Der Speicher von {device} ist zu voll für {batch} Punkte auf einmal: andere Programme "
        "schließen, die ihn benutzen, oder den Prozessor wählen."
    ),
    # Settings and calls
    "A threshold of {threshold:g} can't be used: choose a probability between 0 and 1, such "
    "as 0.2.": (
        "Die Schwelle {threshold:g} geht nicht: eine Wahrscheinlichkeit zwischen 0 und 1 wählen, "
        "etwa 0.2."
    ),
    "A resolution of {resolution} can't be used: choose a number between 2 and {most}, such "
    "as 128.": (
        "Die Auflösung {resolution} geht nicht: eine Zahl zwischen 2 und {most} wählen, etwa 128."
    ),
    "A mesh can't be simplified to {faces} faces: choose at least 4, such as 5000.": (
        "Auf {faces} Flächen lässt sich ein Mesh nicht vereinfachen: mindestens 4 wählen, etwa "
        "5000."
    ),
    "Nothing to reconstruct was given: neither a file nor arrays.": (
        "Gegeben wurde nichts zu rekonstruieren: weder Datei noch Arrays."
    ),
    "Generating needs a whole number as seed for each shape.": (
        "Zum Erzeugen braucht jede Form eine ganze Zahl als Startwert."
    ),
    "Generating needs a whole number as seed, or two of them to go between.": (
        "Zum Erzeugen braucht es eine ganze Zahl als Startwert, oder zwei für Formen dazwischen."
    ),
    "A morph needs the codes of its shapes and a position between them.": (
        "Ein Übergang braucht die Codes seiner Formen und eine Stelle dazwischen."
    ),
    "A morph needs the codes of its shapes and positions between them.": (
        "Ein Übergang braucht die Codes seiner Formen und Stellen dazwischen."
    ),
    "A morph needs two or more shapes of the same model, with finite codes.": (
        "Ein Übergang braucht mindestens zwei Formen desselben Modells, mit endlichen Codes."
    ),
    "A morph goes from 0 to 1; {position:g} lies outside.": (
        "Ein Übergang geht von 0 bis 1; {position:g} liegt außerhalb."
    ),
    "There is no surface at {position:g} of the morph: bake it as meshes, or choose another "
    "threshold.": (
        "An der Stelle {position:g} hat der Übergang keine Oberfläche: als Meshes backen oder "
        "eine andere Schwelle wählen."
    ),
    "There must be one colour for each point.": ("Jeder Punkt braucht genau eine Farbe."),
    "There must be one colour for each corner of each triangle.": (
        "Jede Ecke jedes Dreiecks braucht genau eine Farbe."
    ),
    "The mesh has no triangle with an area, so it has no colours to give.": (
        "Das Mesh hat kein Dreieck mit einer Fläche, also keine Farben zu vergeben."
    ),
    "{path} is a relative path: give all of it.": ("{path} ist ein relativer Pfad: ganz angeben."),
    "{name} is not a picture.": ("{name} ist kein Bild."),
    "{name} has faces that point at vertices that it does not have.": (
        "{name} hat Flächen mit Punkten, die es nicht hat."
    ),
    "The input": ("Die Vorlage"),
    "The mesh": ("Das Mesh"),
    "A seed can't be negative; {seed} is.": (
        "Ein Startwert darf nicht negativ sein; {seed} ist es."
    ),
    # Surfaces and meshes
    "No surface at threshold {threshold:g}: the network's probability is {high:.3g} in the "
    "whole box, so no threshold helps: check the input and the model.": (
        "Keine Oberfläche bei Schwelle {threshold:g}: die Wahrscheinlichkeit des Netzes ist "
        "überall {high:.3g}, so dass keine Schwelle hilft: Vorlage und Modell prüfen."
    ),
    "The network's output is not finite (NaN or infinite) at {bad} of {count} points: its "
    "weights are damaged or do not fit this input.": (
        "Die Ausgabe des Netzes ist an {bad} von {count} Punkten nicht endlich (NaN oder "
        "unendlich): die Gewichte sind beschädigt oder passen nicht zur Vorlage."
    ),
    "Can't write {name}: choose one of the formats {formats}.": (
        "{name} lässt sich nicht schreiben: eines der Formate {formats} wählen."
    ),
    "Can't write {name}: the mesh has no faces.": (
        "{name} lässt sich nicht schreiben: das Mesh hat keine Flächen."
    ),
    "Can't write {name}: the mesh has vertices that are not finite.": (
        "{name} lässt sich nicht schreiben: das Mesh hat Punkte, die nicht endlich sind."
    ),
    "Could not write {path}: {error}.": ("{path} ließ sich nicht schreiben: {error}."),
    "{name} has no faces.": ("{name} hat keine Flächen."),
    "{name} has vertices that are not finite numbers.": (
        "{name} hat Punkte, die keine endlichen Zahlen sind."
    ),
    "{name} has faces that point at vertices it does not have.": (
        "{name} hat Flächen mit Punkten, die es nicht gibt."
    ),
    "{name} can't be read as a mesh: {error}.": (
        "{name} lässt sich nicht als Mesh lesen: {error}."
    ),
    # Models
    "The model {name!r} can't be built: {reason}": (
        "Das Modell {name!r} lässt sich nicht bauen: {reason}"
    ),
    "{name} is not a weights file, or it is cut off.": (
        "{name} ist keine Datei mit Gewichten, oder sie ist abgeschnitten."
    ),
    "{name} is not a weights file (its header is damaged).": (
        "{name} ist keine Datei mit Gewichten (ihr Kopf ist beschädigt)."
    ),
    "{name} is cut off or has something behind it; get it again.": (
        "{name} ist abgeschnitten, oder es folgt noch etwas: neu besorgen."
    ),
    "{name} holds weights, but not of an occupancy network made by this project.": (
        "{name} enthält Gewichte, aber nicht die eines Occupancy Network dieses Projekts."
    ),
    "{path} can't be read: {error}.": ("{path} lässt sich nicht lesen: {error}."),
    "The model {name!r} works on {own_kind!r}, not on {kind!r}; suited are: {names}.": (
        "Das Modell {name!r} liest {own_kind!r}, nicht {kind!r}; geeignet sind: {names}."
    ),
    "There is no model for inputs of kind {kind!r}; install one.": (
        "Für Vorlagen der Art {kind!r} gibt es kein Modell: eines installieren."
    ),
    "none": ("keine"),
    "The model {model!r} does not generate shapes: it reads {wanted}.": (
        "Das Modell {model!r} erzeugt keine Formen: es liest {wanted}."
    ),
    "{name} does not fit the network it is described as: it {reasons}.": (
        "{name} passt nicht zu dem Netz, als das es beschrieben ist: {reasons}."
    ),
    "lacks {keys}": ("es fehlt {keys}"),
    "has an unknown {keys}": ("unbekannt ist {keys}"),
    "has another {keys} ({given} where {wanted} is needed)": (
        "anders ist {keys} ({given}, wo {wanted} nötig ist)"
    ),
    "{name} holds values that are not numbers, in {key}.": (
        "{name} enthält in {key} Werte, die keine Zahlen sind."
    ),
    "The weights can't be written to {path}: {error}.": (
        "Die Gewichte lassen sich nicht nach {path} schreiben: {error}."
    ),
    "{name} was not loaded: it is damaged, or holds things other than weights, which could "
    "be harmful. Get it from its original source.": (
        "{name} wurde nicht geladen: es ist beschädigt oder enthält anderes als Gewichte, was "
        "schaden könnte. Aus der ursprünglichen Quelle besorgen."
    ),
    "{name} is no checkpoint of Occupancy Networks: it has no tensors under 'model'.": (
        "{name} ist kein Checkpoint der Occupancy Networks: unter 'model' stehen keine Tensoren."
    ),
    "{name} is a checkpoint, but of no known kind of occupancy network.": (
        "{name} ist ein Checkpoint, aber von keiner bekannten Art von Occupancy Network."
    ),
    "{name} is a checkpoint, but its decoder lacks {first}.": (
        "{name} ist ein Checkpoint, aber seinem Decoder fehlt {first}."
    ),
    "The model can't read inputs with {name} {value!r}.": (
        "Vorlagen mit {name} {value!r} kann das Modell nicht lesen."
    ),
    "The model's description is damaged (it is not an object).": (
        "Die Beschreibung des Modells ist beschädigt (sie ist kein Objekt)."
    ),
    "The model's description is damaged (it is not JSON).": (
        "Die Beschreibung des Modells ist beschädigt (sie ist kein JSON)."
    ),
    # What came out
    "The mask shows the object": ("Die Maske zeigt das Objekt"),
    "The transparent background was removed": ("Der durchsichtige Hintergrund wurde entfernt"),
    "The plain background was removed": ("Der einfarbige Hintergrund wurde entfernt"),
    "No background was found: the whole picture was taken for the object. Mask the object, or "
    "fetch Cut-Out": "Kein Hintergrund gefunden: das ganze Bild gilt als Objekt. Das Objekt "
    "maskieren oder Freistellen holen",
    "1 outlier was removed": ("1 Ausreißer wurde entfernt"),
    "{count:,} outliers were removed": ("{count:,} Ausreißer wurden entfernt"),
    "The scan is symmetric, so its mirror image was used as well": (
        "Der Scan ist symmetrisch, also wurde auch sein Spiegelbild benutzt"
    ),
    "The scan has holes, which its mirror image filled: turn Mirror Symmetry off if its sides "
    "differ": (
        "Der Scan hat Löcher, die sein Spiegelbild gefüllt hat: Spiegelsymmetrie ausschalten, wenn "
        "seine Seiten sich unterscheiden"
    ),
    "The surface follows all cells of the grid, {cells} along its longest edge: the network "
    "reads grids of about {most}": "Die Oberfläche folgt allen Zellen des Gitters, {cells} entlang "
    "seiner längsten Kante: Das Netz liest Gitter von etwa {most}",
    # What dense scans are like
    "Every point of this scan was followed: they lie about {spacing:.2g} % of the size "
    "apart, with noise of {noise:.1g} %": (
        "Diesem Scan wurde Punkt für Punkt gefolgt: Die Punkte liegen etwa "
        "{spacing:.2g} % der Größe auseinander, das Rauschen beträgt {noise:.1g} %"
    ),
    "Every point of this scan was followed: they lie about {spacing:.2g} % of the size apart": (
        "Diesem Scan wurde Punkt für Punkt gefolgt: Die Punkte liegen etwa "
        "{spacing:.2g} % der Größe auseinander"
    ),
    "{percent:.2g} % of the points lie off every surface and were left out": (
        "{percent:.2g} % der Punkte liegen auf keiner Fläche und wurden weggelassen"
    ),
    "{percent:.2g} % of the surface closes gaps, where the scan has no points: set Gaps to "
    "leave it out": (
        "{percent:.2g} % der Oberfläche schließen Lücken, in denen der Scan keine Punkte hat: "
        "die Einstellung „Lücken“ lässt sie weg"
    ),
    "The file's normals say which side is outside": (
        "Die Normalen der Datei sagen, welche Seite außen ist"
    ),
    "The file's normals contradict its points or each other and were not used": (
        "Die Normalen der Datei widersprechen ihren Punkten oder einander und wurden nicht "
        "verwendet"
    ),
    "The file says where the scanner stood: what it saw faces it": (
        "Die Datei sagt, wo der Scanner stand: Was er sah, ist ihm zugewandt"
    ),
    "From where the file says that the scanner stood, the points can't have been seen: its places "
    "were not used": (
        "Von dort, wo der Scanner laut Datei stand, können die Punkte nicht gesehen worden sein: "
        "Die Angabe wurde nicht verwendet"
    ),
    "{name} has {count:,} points, but normals for {normals:,}.": (
        "{name} hat {count:,} Punkte, aber Normalen für {normals:,}."
    ),
    "Only {percent} % of the points lie near the mesh, so it may not be what was scanned: leave "
    "one object, without noise": (
        "Nur {percent} % der Punkte liegen nahe am Mesh, es ist also vielleicht nicht das, was "
        "aufgenommen wurde: Ein Objekt übrig lassen, ohne Rauschen"
    ),
    "The scan was taken from inside, as of a room: its surfaces face where it was taken from": (
        "Der Scan wurde von innen aufgenommen, wie der eines Raums: Seine Flächen zeigen dorthin, "
        "wo er aufgenommen wurde"
    ),
    "The scan is open: it is a surface, not a solid": (
        "Der Scan ist offen: eine Fläche, kein Körper"
    ),
    "The scan is open: it is a surface, not a solid. Where it has no points the mesh is open, too; "
    "a large number for Gaps closes it": (
        "Der Scan ist offen: eine Fläche, kein Körper. Wo er keine Punkte hat, ist auch das Mesh "
        "offen; eine große Zahl bei „Lücken“ schließt es"
    ),
    "No part of the surface lies near the points. Choose a larger number for Gaps.": (
        "Kein Teil der Oberfläche liegt nahe an den Punkten. Bei „Lücken“ eine größere Zahl wählen."
    ),
    "For {percent:.2g} % of the scan it is uncertain which side is inside: check the mesh there": (
        "Bei {percent:.2g} % des Scans ist unsicher, welche Seite innen ist: Dort das Mesh prüfen"
    ),
    "The scan has much noise, about {noise:.1g} % of the size, so fine detail is averaged away": (
        "Der Scan rauscht stark, etwa {noise:.1g} % der Größe, darum sind Feinheiten weggemittelt"
    ),
    # Files
    "{name} is not a picture, so it can't have a mask.": (
        "{name} ist kein Bild und kann keine Maske haben."
    ),
    # Values of settings
    "{label} needs a value.": ("{label} braucht einen Wert."),
    "{label} can't be {value}: choose {allowed}.": (
        "{label}: {value} geht nicht, zulässig ist {allowed}."
    ),
    "one of {choices}": ("eines von {choices}"),
    "true or false": ("wahr oder falsch"),
    "a text": ("ein Text"),
    "a whole number": ("eine ganze Zahl"),
    "a number": ("eine Zahl"),
    "{number}, {low} or more": ("{number} ab {low}"),
    "{number} above {low} and below {high}": ("{number} über {low} und unter {high}"),
    "{number} from {low} to {high}": ("{number} von {low} bis {high}"),
    "The setting {name} was removed in version 0.2.0: leave it out.": (
        "Die Einstellung {name} gibt es seit Version 0.2.0 nicht mehr: Lassen Sie sie weg."
    ),
    "The setting {name} is of no use here: leave it out.": (
        "Die Einstellung {name} nützt hier nichts: weglassen."
    ),
    "There is no setting {name}. Did you mean {near}?": (
        "Es gibt keine Einstellung {name}. Gemeint ist vielleicht {near}?"
    ),
    "There is no setting {name}.": ("Es gibt keine Einstellung {name}."),
    # Kinds of inputs, in the middle of a sentence
    "a picture": ("ein Bild"),
    "a point cloud": ("eine Punktwolke"),
    "the input": ("die Vorlage"),
    "latent": ("Code"),
    "code": ("Code"),
    "The model {model!r} reads {wanted}, but {name} is {given}: choose another model.": (
        "Das Modell {model!r} liest {wanted}, aber {name} ist {given}: ein anderes Modell wählen."
    ),
    "The model {model!r} needs {count} finite numbers as {what}, not an array of shape {shape}.": (
        "Das Modell {model!r} braucht {count} endliche Zahlen als {what}, kein Array der Form "
        "{shape}."
    ),
    "voxels": ("Voxel"),
    "nothing (it generates shapes)": ("nichts (es erzeugt Formen)"),
    "the number of a shape that it learned": ("die Nummer einer gelernten Form"),
    "{name} is a picture.": "{name} ist ein Bild.",
    "STL can't hold a place this far from the origin: the mesh was moved by {x:.3f}, "
    "{y:.3f}, {z:.3f}": (
        "STL kann keinen Ort so fern vom Ursprung fassen: das Mesh wurde um {x:.3f}, {y:.3f}, "
        "{z:.3f} verschoben"
    ),
    "The model {name!r} can't be built: it asks for {setting} {value:,}; at most {limit:,} "
    "are made.": (
        "Das Modell {name!r} lässt sich nicht bauen: es verlangt {setting} {value:,}; höchstens "
        "{limit:,} sind möglich."
    ),
    "{name} claims {size:,} bytes of weights in a file of {limit:,}: it is not loaded.": (
        "{name} behauptet {size:,} Bytes Gewichte in einer Datei von {limit:,}: es wird nicht "
        "geladen."
    ),
    "The model {name!r} has no latent space: its shapes can't be blended. Use shapes of a "
    "model that generates.": (
        "Das Modell {name!r} hat keine Codes: seine Formen lassen sich nicht mischen. Formen "
        "eines erzeugenden Modells nehmen."
    ),
    "The model's description has an unknown field {name!r}; it may have been made by a newer "
    "version.": (
        "Die Beschreibung des Modells hat ein unbekanntes Feld {name!r}; vielleicht stammt sie "
        "aus einer neueren Version."
    ),
    "The model's description has an unusable value for {name!r}.": (
        "Die Beschreibung des Modells hat einen unbrauchbaren Wert für {name!r}."
    ),
    "The model's description lacks {names}.": ("In der Beschreibung des Modells fehlt {names}."),
    "The model's {name} is for networks that read {kinds}, not {kind}.": (
        "{name} des Modells ist für Netze, die {kinds} lesen, nicht {kind}."
    ),
    "The model's {name} is {least}, not from 0 to its threshold.": (
        "{name} des Modells ist {least}, nicht von 0 bis zu seiner Schwelle."
    ),
    "The model's {name} is {value!r}; this version knows {known}.": (
        "{name} des Modells ist {value!r}; diese Version kennt {known}."
    ),
    "{percent} % of the points lie within {share:g} % of the size": (
        "{percent} % der Punkte liegen näher als {share:g} % der Größe"
    ),
}
