"""What `onet_core.inputs` says of files and arrays, in German: templates as in its code."""

from __future__ import annotations

OF_THE_INPUTS = {
    "{name} has only {width} x {height} pixels: at least {least} are needed each way, a hundred "
    "are good.": "{name} hat nur {width} x {height} Pixel: mindestens {least} in jeder Richtung "
    "sind nötig, hundert sind gut.",
    "{name} shows no object: all of it is masked out or transparent.": "{name} zeigt kein Objekt: "
    "alles ist maskiert oder durchsichtig.",
    "{name} is of one colour: no object stands out from the background.": "{name} ist einfarbig: "
    "kein Objekt hebt sich vom Hintergrund ab.",
    "{name} has pixels that are not finite (NaN or infinite).": "{name} hat Pixel, die nicht "
    "endlich sind (NaN oder unendlich).",
    "The mask of {name} has {mask_width} x {mask_height} pixels, the picture {width} x {height}: "
    "they must show the same.": "Die Maske von {name} hat {mask_width} x {mask_height} Pixel, das "
    "Bild {width} x {height}: beide müssen dasselbe zeigen.",
    "No object was found in {name}: give a mask, or turn Cut Out off to take all of it.": "In "
    "{name} wurde kein Objekt gefunden: eine Maske geben, oder Freistellen ausschalten, um alles "
    "zu nehmen.",
    "The box in {name} is too small: draw it around the whole object.": "Der Rahmen in {name} ist "
    "zu klein: um das ganze Objekt ziehen.",
    "The mask covers the whole picture: make it white only where the object is": "Die Maske "
    "bedeckt das ganze Bild: sie sollte nur weiß sein, wo das Objekt ist",
    "The mask leaves out the middle and shows what is around it: invert it if it is the wrong way "
    "round": "Die Maske lässt die Mitte aus und zeigt, was darum herum ist: umkehren, falls sie "
    "verkehrt herum ist",
    "The object has only {width} x {height} pixels: take a larger picture, a hundred are good": (
        "Das Objekt hat nur {width} x {height} Pixel: ein größeres Bild nehmen, hundert sind gut"
    ),
    "The object is cut off at the border: what is beyond it is guessed, so take a picture of all "
    "of it": "Das Objekt ist am Rand abgeschnitten: was dahinter liegt, ist geraten, also besser "
    "ein Bild vom Ganzen nehmen",
    "The background is uneven, so some of it may pass for the object: cut the object out, or give "
    "a mask": "Der Hintergrund ist ungleichmäßig, ein Teil davon kann also als Objekt gelten: das "
    "Objekt freistellen oder eine Maske geben",
    "The picture shows {count} separate things, which become one mesh: mask all but one": "Das "
    "Bild zeigt {count} getrennte Dinge, die ein Mesh werden: alle bis auf eines maskieren",
    "The network that cuts objects out is not here: fetch it ({size} MB) in Blender's panel or "
    "with `onet fetch-cut-out`, or give a mask.": "Das Netz zum Freistellen ist nicht da: in "
    "Blenders Bereich oder mit `onet fetch-cut-out` holen ({size} MB), oder eine Maske geben.",
    "What came from {source} is not the file that this version knows: nothing was kept.": "Was von "
    "{source} kam, ist nicht die Datei, die diese Version kennt: nichts wurde behalten.",
    "{file} is damaged or another file than {name}: fetch it again.": "{file} ist beschädigt oder "
    "eine andere Datei als {name}: neu holen.",
    "{source} can't be reached: {reason}. Fetch it with a browser and give its path.": "{source} "
    "ist nicht zu erreichen: {reason}. Mit einem Browser holen und den Pfad angeben.",
    "{name} has no points.": "{name} hat keine Punkte.",
    "{name} has all its points on one line: there is no surface to find.": "Bei {name} liegen alle "
    "Punkte auf einer Geraden: es gibt keine Oberfläche zu finden.",
    "The coordinates are too large to compute with: rescale the input.": "Die Koordinaten sind zu "
    "groß zum Rechnen: die Vorlage anders skalieren.",
    "All coordinates are the same: there is no shape in the input.": "Alle Koordinaten sind "
    "gleich: die Vorlage hat keine Form.",
    "{name} has no occupied cell.": "{name} hat keine besetzte Zelle.",
    # What an input is called where it has no name
    "The picture": ("Das Bild"),
    "The point cloud": ("Die Punktwolke"),
    "The voxel grid": ("Das Voxelgitter"),
    "The mask of {name}": ("Die Maske von {name}"),
    # Arrays
    "A frame needs a 4 by 4 matrix of finite numbers.": (
        "Ein Bezugssystem braucht eine Matrix aus 4 mal 4 endlichen Zahlen."
    ),
    "An input of kind {kind!r} can't have the shape {shape}.": (
        "Eine Vorlage der Art {kind!r} kann nicht die Form {shape} haben."
    ),
    "Only points, meshes and voxels can have colours.": (
        "Nur Punkte, Meshes und Voxel können Farben haben."
    ),
    "Points must come as rows of x, y, z; these have shape {shape}.": (
        "Punkte müssen Zeilen aus x, y, z sein; diese haben die Form {shape}."
    ),
    "The {kind} input holds values that are not finite numbers.": (
        "Die Vorlage der Art {kind} enthält Werte, die keine endlichen Zahlen sind."
    ),
    "Unknown kind of input {kind!r}: choose auto, {known}.": (
        "Unbekannte Art von Vorlage {kind!r}: auto, {known} wählen."
    ),
    "Unknown kind of input {kind!r}: choose {names}.": (
        "Unbekannte Art von Vorlage {kind!r}: {names} wählen."
    ),
    "Unknown up-axis {up_axis!r}: choose one of {axes}.": (
        "Unbekannte Achse {up_axis!r} für oben: eine von {axes} wählen."
    ),
    "The mask of {name} must be rows of single values.": (
        "Die Maske von {name} muss aus Zeilen einzelner Werte bestehen."
    ),
    "{name} must be numbers in three dimensions, not {dtype} of shape {shape}.": (
        "{name}: nötig sind Zahlen in drei Dimensionen, nicht {dtype} der Form {shape}."
    ),
    "{name} must be of 8 or 16 bits or floats from 0 to 1: {dtype}.": (
        "{name}: nötig sind 8 oder 16 Bit oder Kommazahlen von 0 bis 1, nicht {dtype}."
    ),
    "{name} must be rows of pixels of 1 to 4 channels, not an array of shape {shape}.": (
        "{name}: nötig sind Zeilen von Pixeln mit 1 bis 4 Kanälen, kein Array der Form {shape}."
    ),
    "{name} must be rows of x, y, z, not an array of shape {shape}.": (
        "{name}: nötig sind Zeilen aus x, y, z, kein Array der Form {shape}."
    ),
    "{name} has coordinates that are no numbers.": (
        "{name} hat Koordinaten, die keine Zahlen sind."
    ),
    "{name} holds something that is not a number.": ("{name} enthält etwas, das keine Zahl ist."),
    "{name} has no points whose coordinates are finite.": (
        "{name} hat keine Punkte mit endlichen Koordinaten."
    ),
    "{name} has {count}: at least {least} are needed, some hundreds are good.": (
        "{name} hat {count}: mindestens {least} sind nötig, einige hundert sind gut."
    ),
    "1 point": ("1 Punkt"),
    "{count} points": ("{count} Punkte"),
    # What a reader decided
    "1 point that is not finite was left out": (
        "1 Punkt, der nicht endlich ist, wurde weggelassen"
    ),
    "{count:,} points have no colour: each got that of the nearest one that has": (
        "{count:,} Punkte haben keine Farbe: Jeder bekam die des nächsten, der eine hat"
    ),
    "{count:,} points that are not finite were left out": (
        "{count:,} Punkte, die nicht endlich sind, wurden weggelassen"
    ),
    "{count:,} points at the origin (0, 0, 0) were left out": (
        "{count:,} Punkte im Ursprung (0, 0, 0) wurden weggelassen"
    ),
    "{count:,} points that the file marks as noise or deleted were left out": (
        "{count:,} Punkte, die die Datei Rauschen oder gelöscht nennt, wurden weggelassen"
    ),
    "{count:,} cells that are not finite were taken for empty": (
        "{count:,} Zellen, die nicht endlich sind, gelten als leer"
    ),
    "{count:,} broken lines were left out, such as {line!r}": (
        "{count:,} kaputte Zeilen wurden weggelassen, etwa {line!r}"
    ),
    "Cells above 0 were taken for the inside": ("Zellen über 0 gelten als innen"),
    "Cells below 0 were taken for the inside, as in a signed distance; change the sign of "
    "the numbers for the other side": (
        "Zellen unter 0 gelten als innen, wie bei einem Abstand mit Vorzeichen; für die andere "
        "Seite das Vorzeichen der Zahlen ändern"
    ),
    "Cells from {level:g} on were taken for the inside (the numbers go from {low:g} to {high:g})": (
        "Zellen ab {level:g} gelten als innen (die Zahlen gehen von {low:g} bis {high:g})"
    ),
    "Columns 2 to 7 were taken for x, y, z and colours, as COLMAP writes them": (
        "Die Spalten 2 bis 7 gelten als x, y, z und Farben, wie COLMAP sie schreibt"
    ),
    "Columns {first} to {last} were taken for colours; a first line such as 'x y z red green "
    "blue' says otherwise": (
        "Die Spalten {first} bis {last} gelten als Farben; eine erste Zeile wie 'x y z red green "
        "blue' legt es anders fest"
    ),
    "Commas between digits were taken for decimal points": (
        "Kommas zwischen Ziffern gelten als Dezimaltrennzeichen"
    ),
    "Gaussian splats: {faint:,} transparent ones and {strays:,} outliers were left out": (
        "Gaussian Splats: {faint:,} durchsichtige und {strays:,} Ausreißer wurden weggelassen"
    ),
    "It holds query points with occupancies, which became voxels; the surface's points are "
    "in the pointcloud.npz beside it": (
        "Sie enthält Abfragepunkte mit Belegungen, aus denen Voxel wurden; die Punkte der "
        "Oberfläche stehen in pointcloud.npz daneben"
    ),
    "It was taken for a cube of {shape} cells; a name such as scan_64x64x32_uint8.raw says "
    "otherwise": (
        "Sie gilt als Würfel aus {shape} Zellen; ein Name wie scan_64x64x32_uint8.raw legt es "
        "anders fest"
    ),
    "Its faces join only {used:,} of {count:,} points, so all were taken as a point cloud; "
    "--kind voxels takes the faces": (
        "Die Flächen verbinden nur {used:,} von {count:,} Punkten, also gelten alle als "
        "Punktwolke; --kind voxels nimmt die Flächen"
    ),
    "Its name says {shape} cells, x running fastest": (
        "Dem Namen nach sind es {shape} Zellen, x läuft am schnellsten"
    ),
    "Its rows were taken for occupied cells; --kind points takes them as points": (
        "Die Zeilen gelten als besetzte Zellen; --kind points nimmt sie als Punkte"
    ),
    "Its rows were taken for the coordinates x, y and z": (
        "Die Zeilen gelten als die Koordinaten x, y und z"
    ),
    "Its rows were taken for {width} numbers each": ("Die Zeilen gelten als je {width} Zahlen"),
    "Its shape {shape} was taken for points; --kind voxels takes it as a grid": (
        "Die Form {shape} gilt als Punkte; --kind voxels nimmt sie als Gitter"
    ),
    "The first column counts the points, so the next three were taken for x, y and z; a "
    "first line such as 'x y z label' says otherwise": (
        "Die erste Spalte zählt die Punkte, also gelten die nächsten drei als x, y und z; eine "
        "erste Zeile wie 'x y z label' legt es anders fest"
    ),
    "The first column, of words, was left out": (
        "Die erste Spalte, aus Wörtern, wurde weggelassen"
    ),
    "The mesh is open, so it has no inside: the points of its surface were taken; --kind voxels "
    "takes it as it is": (
        "Das Mesh ist offen und hat darum kein Inneres: genommen wurden die Punkte "
        "seiner Oberfläche; --kind voxels nimmt es, wie es ist"
    ),
    "The opaque part is a whole rectangle, so its plain background was removed too; a mask "
    "says otherwise": (
        "Der undurchsichtige Teil ist ein ganzes Rechteck, also wurde auch dessen einfarbiger "
        "Hintergrund entfernt; eine Maske legt es anders fest"
    ),
    # Files
    "{name} announces {count:,} points and holds fewer: it is cut off.": (
        "{name} kündigt {count:,} Punkte an und enthält weniger: abgeschnitten."
    ),
    "{name} announces {count:,} points and holds {held:,}.": (
        "{name} kündigt {count:,} Punkte an und enthält {held:,}."
    ),
    "{name} can't be read as a picture: its content is of no known kind.": (
        "{name} lässt sich nicht als Bild lesen: der Inhalt ist von keiner bekannten Art."
    ),
    "{name} can't be read as a picture: {reason}.": (
        "{name} lässt sich nicht als Bild lesen: {reason}."
    ),
    "{name} can't be read: {reason}.": ("{name} lässt sich nicht lesen: {reason}."),
    "{name} is not a list of points: a line of it has {count:,} characters.": (
        "{name} ist keine Liste von Punkten: eine Zeile davon hat {count:,} Zeichen."
    ),
    "The first three columns were taken for colours, the next three for x, y and z; a first line "
    "such as 'x y z nx ny nz' says otherwise": (
        "Die ersten drei Spalten wurden für Farben gehalten, die nächsten drei für x, y und z; "
        "eine erste Zeile wie 'x y z nx ny nz' sagt es anders"
    ),
    "The first column was taken for northings, so y, and the second for eastings; a first line "
    "such as 'x y z' says otherwise": (
        "Die erste Spalte wurde für Hochwerte gehalten, also y, die zweite für Rechtswerte; "
        "eine erste Zeile wie 'x y z' sagt es anders"
    ),
    "Its rows hold several points each, of which {names} were taken": (
        "Jede Zeile enthält mehrere Punkte; davon wurden {names} genommen"
    ),
    "{name} holds angles and distances ({names}), not x, y and z.": (
        "{name} enthält Winkel und Entfernungen ({names}), nicht x, y und z."
    ),
    "{name} holds {label}, whatever its name says: let it end with {ending}.": (
        "{name} enthält {label}, was auch der Name sagt: auf {ending} enden lassen."
    ),
    "Its header counts {count:,} triangles; the {rest:,} bytes behind them were not read": (
        "Der Kopf zählt {count:,} Dreiecke; die {rest:,} Bytes dahinter wurden nicht gelesen"
    ),
    "It has no end, so it may be cut off": (
        "Die Datei hat kein Ende, ist also vielleicht abgeschnitten"
    ),
    "The first column only grows, as times do, so the next three were taken for x, y and z; a "
    "first line such as 'x y z label' says otherwise": (
        "Die erste Spalte wächst nur, wie Zeiten, also wurden die nächsten drei für x, y und z "
        "gehalten; eine erste Zeile wie 'x y z label' sagt es anders"
    ),
    "Its header announces {count:,} points; more that follow were left out": (
        "Ihr Kopf kündigt {count:,} Punkte an; was darauf folgt, wurde weggelassen"
    ),
    "It announces {count:,} points and holds {held:,}, so it may be cut off": (
        "Die Datei kündigt {count:,} Punkte an und enthält {held:,}, ist also vielleicht "
        "abgeschnitten"
    ),
    "{name} claims {count} {what}; at most {limit:,} are read.": (
        "{name} behauptet {count} {what}; gelesen werden höchstens {limit:,}."
    ),
    "{name} does not say its size: put it into its name, such as scan_256x256x113_uint8.raw.": (
        "{name} sagt nicht, wie groß es ist: die Größe in den Namen schreiben, etwa "
        "scan_256x256x113_uint8.raw."
    ),
    "{name} has a damaged vertex or face: {reason}.": (
        "{name} hat einen beschädigten Punkt oder eine beschädigte Fläche: {reason}."
    ),
    "{name} has a damaged vertex: {reason}.": ("{name} hat einen beschädigten Punkt: {reason}."),
    "{name} has all its query points in one place.": (
        "{name}: alle Abfragepunkte liegen an einer Stelle."
    ),
    "{name} has query points that are not finite.": (
        "{name} hat Abfragepunkte, die nicht endlich sind."
    ),
    "{name} has fields named {fields}, not x, y and z.": (
        "{name} hat die Felder {fields}, nicht x, y und z."
    ),
    "{name} has no array named {wanted}, only {found}.": (
        "{name} hat kein Array namens {wanted}, nur {found}."
    ),
    "{name} has no arrays of plain numbers.": ("{name} hat keine Arrays aus einfachen Zahlen."),
    "{name} has no cell with a finite number.": (
        "{name} hat keine Zelle mit einer endlichen Zahl."
    ),
    "{name} has no faces and no cells: use --kind points for its points.": (
        "{name} hat weder Flächen noch Zellen: für die Punkte --kind points nehmen."
    ),
    "{name} has no meshes.": ("{name} hat keine Meshes."),
    "{name} has no vertices with x, y and z.": ("{name} hat keine Punkte mit x, y und z."),
    "{name} has {colours} that are no rows of red, green and blue.": (
        "{name} hat {colours}, die keine Zeilen aus Rot, Grün und Blau sind."
    ),
    "{name} has {count:,} points, but colours for {colours:,}.": (
        "{name} hat {count:,} Punkte, aber Farben für {colours:,}."
    ),
    "{name} has {size:,} bytes, which is not {shape} cells of its type.": (
        "{name} hat {size:,} Bytes, was nicht {shape} Zellen seines Typs sind."
    ),
    "{name} holds an array of {dtype} of shape {shape}, not numbers.": (
        "{name} enthält ein Array aus {dtype} der Form {shape}, keine Zahlen."
    ),
    "{name} holds an array of {dtype} of shape {shape}; a point cloud has one row of numbers "
    "per point, x, y, z first.": (
        "{name} enthält ein Array aus {dtype} der Form {shape}; eine Punktwolke hat für jeden "
        "Punkt eine Zeile aus Zahlen, x, y, z zuerst."
    ),
    "{name} holds no rows of x, y, z.": ("{name} enthält keine Zeilen aus x, y, z."),
    "{name} holds voxels, not points: use --kind voxels.": (
        "{name} enthält Voxel, keine Punkte: --kind voxels nehmen."
    ),
    "{name} is COLMAP's list of pictures or cameras: the points are in points3D.txt.": (
        "{name} ist die Liste der Bilder oder Kameras von COLMAP: die Punkte stehen in "
        "points3D.txt."
    ),
    "{name} is a web page: download the file itself from that page.": (
        "{name} ist eine Webseite: die Datei selbst von dort herunterladen."
    ),
    "{name} is a packed archive: unpack it first.": (
        "{name} ist ein gepacktes Archiv: zuerst entpacken."
    ),
    "{name} is only a pointer of Git LFS: fetch the file itself by `git lfs pull`.": (
        "{name} ist nur ein Verweis von Git LFS: die Datei selbst mit `git lfs pull` holen."
    ),
    "{name} is JSON, not rows of numbers: save the points as .csv or .ply.": (
        "{name} ist JSON und keine Zeilen von Zahlen: die Punkte als .csv oder .ply speichern."
    ),
    "{name} is damaged or not a file of Gaussian splats: {reason}.": (
        "{name} ist beschädigt oder keine Datei mit Gauß-Splats: {reason}."
    ),
    "{name} holds compressed Gaussian splats, which are not read: save it as a plain PLY.": (
        "{name} enthält komprimierte Gauß-Splats, die nicht gelesen werden: als einfaches PLY "
        "speichern."
    ),
    "{name} holds Python objects, which are not read because they can run programs: save it as "
    "plain numbers.": (
        "{name} enthält Python-Objekte, die nicht gelesen werden, weil sie Programme ausführen "
        "können: als einfache Zahlen speichern."
    ),
    "{name} holds distances without a sign, which do not say where the inside is: give signed "
    "distances or occupancies.": (
        "{name} enthält Abstände ohne Vorzeichen, die nicht sagen, wo innen ist: Abstände mit "
        "Vorzeichen oder Belegungen geben."
    ),
    "Degrees became metres around latitude {latitude:.6f}, longitude {longitude:.6f}": (
        "Grad wurden zu Metern um Breite {latitude:.6f}, Länge {longitude:.6f}"
    ),
    "Every second comma was taken for a decimal point": "Jedes zweite Komma gilt als Dezimalkomma",
    "Its query points with signed distances became voxels": (
        "Aus den Abfragepunkten mit Abständen mit Vorzeichen wurden Voxel"
    ),
    "Marks between groups of three digits were taken for thousands separators": (
        "Zeichen zwischen Gruppen von drei Ziffern gelten als Tausendertrennzeichen"
    ),
    "The first two columns count rows and columns, so the next three were taken for x, y and z; a "
    "first line such as 'x y z nx ny nz' says otherwise": (
        "Die ersten zwei Spalten zählen Zeilen und Spalten, darum gelten die nächsten drei als x, "
        "y und z; eine erste Zeile wie 'x y z nx ny nz' sagt es anders"
    ),
    "The numbers grow towards the border, as truncated distances do: cells below 0.5 were taken "
    "for the inside": (
        "Die Zahlen wachsen zum Rand hin, wie es abgeschnittene Abstände tun: Zellen unter 0.5 "
        "gelten als innen"
    ),
    "{count:,} points with {value:g} for no data were left out": (
        "{count:,} Punkte mit {value:g} für fehlende Werte wurden weggelassen"
    ),
    "{name} is compressed by {extension}, which is not read: save it without.": (
        "{name} ist mit {extension} komprimiert, was nicht gelesen wird: ohne speichern."
    ),
    "{name} is damaged or has no points.": ("{name} ist beschädigt oder hat keine Punkte."),
    "{name} is damaged or not a LAS file.": ("{name} ist beschädigt oder keine LAS-Datei."),
    "{name} is damaged or not a MagicaVoxel file: {reason}.": (
        "{name} ist beschädigt oder keine Datei von MagicaVoxel: {reason}."
    ),
    "{name} is damaged or not a NumPy file of plain numbers.": (
        "{name} ist beschädigt oder keine NumPy-Datei aus einfachen Zahlen."
    ),
    "{name} is damaged or not a PCD point cloud: {reason}.": (
        "{name} ist beschädigt oder keine PCD-Punktwolke: {reason}."
    ),
    "{name} is damaged or not a PLY file: {reason}.": (
        "{name} ist beschädigt oder keine PLY-Datei: {reason}."
    ),
    "{name} is damaged or not a PTX scan.": ("{name} ist beschädigt oder kein PTX-Scan."),
    "{name} is damaged or not a binvox file: {reason}.": (
        "{name} ist beschädigt oder keine Binvox-Datei: {reason}."
    ),
    "{name} is damaged or not a glTF file: {reason}.": (
        "{name} ist beschädigt oder keine glTF-Datei: {reason}."
    ),
    "{name} is damaged or not a picture.": ("{name} ist beschädigt oder kein Bild."),
    "{name} is damaged or not an E57 file.": ("{name} ist beschädigt oder keine E57-Datei."),
    "{name} is damaged or not an OFF file: {reason}.": (
        "{name} ist beschädigt oder keine OFF-Datei: {reason}."
    ),
    "{name} is damaged or not {label}.": (
        "{name} ist beschädigt oder von anderer Art als {label}."
    ),
    "{name} is damaged, cut off or not an STL file.": (
        "{name} ist beschädigt, abgeschnitten oder keine STL-Datei."
    ),
    "{name} is not a list of points: its lines have {width} columns, not x, y and z.": (
        "{name} ist keine Liste von Punkten: die Zeilen haben {width} Spalten, nicht x, y und z."
    ),
    "{name} is not a list of points: line {line!r} has no three numbers.": (
        "{name} ist keine Liste von Punkten: die Zeile {line!r} hat keine drei Zahlen."
    ),
    "{name} is not a list of points: {count:,} of {total:,} lines have no numbers where they "
    "should, such as {line!r}.": (
        "{name} ist keine Liste von Punkten: {count:,} von {total:,} Zeilen haben keine Zahlen, "
        "wo sie sollten, etwa {line!r}."
    ),
    "{name} is not a point cloud of KITTI's kind: rows of x, y, z and reflectance, 32-bit "
    "numbers.": (
        "{name} ist keine Punktwolke wie bei KITTI: Zeilen aus x, y, z und Reflexion, Zahlen mit "
        "32 Bit."
    ),
    "{name} is not a text file.": ("{name} ist keine Textdatei."),
    "{name} is not read here: {advice}.": ("{name} wird hier nicht gelesen: {advice}."),
    "{name} is not {phrase}: choose one of {endings}.": (
        "{name} ist von anderer Art als {phrase}: eines von {endings} wählen."
    ),
    "{name} is of no known kind: give a file that ends with {endings}.": (
        "{name} ist von keiner bekannten Art: eine Datei nehmen, die auf {endings} endet."
    ),
    "{name} names the file {uri}, which is not beside it.": (
        "{name} nennt die Datei {uri}, die nicht daneben liegt."
    ),
    "{name} needs more memory than there is: make it smaller.": (
        "{name} braucht mehr Speicher, als da ist: verkleinern."
    ),
    "{name} needs the Python package {package}: run `pip install {package}` in the Python "
    "that runs the networks.": (
        "{name} braucht das Python-Paket {package}: `pip install {package}` in dem Python "
        "ausführen, das die Netze rechnet."
    ),
}
