// SPDX-License-Identifier: GPL-3.0-or-later

// A job type for Flamenco: makes meshes from a folder of pictures, scans or voxel models, spread over
// the farm. Copy this file into the folder "scripts" beside flamenco-manager. Every worker needs the
// ONet extension with its runtime set up, and has to see both folders.

const JOB_TYPE = {
    label: "ONet: meshes from a folder",
    description: "Reconstruct every picture, point cloud and voxel model of a folder",
    settings: [
        { key: "input", type: "string", subtype: "dir_path", required: true, visible: "submission",
          description: "Folder of pictures, point clouds and voxel models" },
        { key: "output", type: "string", subtype: "dir_path", required: true, visible: "submission",
          description: "Folder for the meshes" },
        { key: "tasks", type: "int32", default: 10, propargs: { min: 1, max: 1000 },
          visible: "submission",
          description: "Into how many tasks the files are divided; at best more than there are workers" },
        { key: "format", type: "string", choices: ["blend", "glb", "obj", "ply", "stl"],
          default: "glb", description: "Kind of the results" },
        { key: "kind", type: "string", choices: ["auto", "image", "points", "voxels"],
          default: "auto", description: "What the files are; auto looks at each" },
        { key: "up", type: "string", choices: ["auto", "y", "z"], default: "auto",
          description: "The files' vertical; auto goes by format" },
        { key: "masks", type: "string", subtype: "dir_path", default: "",
          description: "Folder with a mask for each picture, by the same name; empty for none" },
        { key: "model", type: "string", default: "",
          description: "Name of a model or a weights file; empty for the one that suits" },
        { key: "quality", type: "string", choices: ["draft", "standard", "high"],
          default: "standard", description: "How fine the meshes are, and how long they take" },
        { key: "resolution", type: "int32", default: 0, propargs: { min: 0, max: 1024 },
          description: "Cells along an axis; 0 goes by quality" },
        { key: "threshold", type: "float", default: 0.0, propargs: { min: 0, max: 0.99 },
          description: "Lower gives fatter shapes, higher thinner ones; 0 for the model's own" },
        { key: "refine", type: "int32", default: -1, propargs: { min: -1, max: 300 },
          description: "Polishing steps; -1 goes by quality and faces" },
        { key: "smoothing", type: "int32", default: -1, propargs: { min: -1, max: 30 },
          description: "Steps that take bumps off; -1 for as many as suit the model" },
        { key: "faces", type: "int32", default: 0, propargs: { min: 0 },
          description: "Simplify to about this many faces; 0 keeps all" },
        { key: "smooth", type: "bool", default: true,
          description: "Shade smooth rather than showing the faces" },
        { key: "colours", type: "bool", default: true,
          description: "Give the meshes the colours of the files, where there are any" },
        { key: "crop_outliers", type: "bool", default: false,
          description: "Leave out points that lie far from all others" },
        { key: "symmetry", type: "bool", default: true,
          description: "Complete symmetric clouds by their mirror image" },
        { key: "denoise", type: "bool", default: true,
          description: "Average the noise of dense clouds away before they are read" },
        { key: "snap", type: "bool", default: true,
          description: "Draw the surface to the points of clouds" },
        { key: "pose", type: "string", choices: ["floor", "camera"], default: "floor",
          description: "What becomes of pictures looks towards the front view, or towards the " +
                       "camera of the workers' startup file" },
        { key: "floor", type: "bool", default: false,
          description: "Stand the results in the middle of the floor, instead of where their " +
                       "sources are" },
        { key: "overwrite", type: "bool", default: false,
          description: "Make results again that are there already" },
        { key: "jobs", type: "int32", default: 1, propargs: { min: 1, max: 64 },
          description: "How many are computed at once by each worker; each takes memory of its own" },
        { key: "device", type: "string", choices: ["auto", "cpu", "cuda", "mps"],
          default: "auto", description: "Where the networks run" },
        { key: "runtime", type: "string", default: "",
          description: "The runtime's Python on the workers; empty for what each has set up" },
    ],
};

// Called by Flamenco Manager. Every task takes each n-th file, so that nobody has to list the folder
// beforehand; a task that is done again skips what it has made.
function compileJob(job) {
    const settings = job.settings;
    if (settings.tasks < 1) {
        throw "the number of tasks has to be 1 or more";
    }
    for (var part = 1; part <= settings.tasks; part++) {
        const task = author.Task("meshes-" + part + "-of-" + settings.tasks, "blender");
        task.addCommand(author.Command("exec", {
            exe: "{blender}",
            args: blenderArguments(settings, part),
        }));
        job.addTask(task);
    }
}

// What Blender is called with. Arguments that carry what the user wrote are joined with "=", so that
// none of it can be taken for an option.
function blenderArguments(settings, part) {
    const given = [
        "--command", "onet", "reconstruct",
        "--input=" + settings.input,
        "--output=" + settings.output,
        "--part=" + part + "/" + settings.tasks,
    ];
    function give(names) {
        names.forEach(function (name) { given.push("--" + name + "=" + settings[name]); });
    }
    give(["format", "kind", "up", "model", "quality", "threshold", "faces", "pose", "jobs",
          "device"]);
    // What is left to the quality, or not there, is not said.
    give(["masks", "runtime"].filter(function (name) { return settings[name] !== ""; }));
    give(["resolution"].filter(function (name) { return settings[name] > 0; }));
    give(["refine", "smoothing"].filter(function (name) { return settings[name] >= 0; }));
    const flags = {
        "--crop-outliers": settings.crop_outliers,
        "--no-symmetry": !settings.symmetry,
        "--no-denoise": !settings.denoise,
        "--no-snap": !settings.snap,
        "--no-colours": !settings.colours,
        "--flat": !settings.smooth,
        "--floor": settings.floor,
        "--overwrite": settings.overwrite,
    };
    return given.concat(Object.keys(flags).filter(function (name) { return flags[name]; }));
}
