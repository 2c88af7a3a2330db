// SPDX-License-Identifier: GPL-3.0-or-later

// A job type for Flamenco: makes the shapes on the way between invented ones, spread over the farm.
// Copy this file into the folder "scripts" beside flamenco-manager. Every worker needs the ONet
// extension with its runtime set up, and has to see the folder.

const JOB_TYPE = {
    label: "ONet: morph between shapes",
    description: "Make the shapes on the way between two or more invented ones",
    settings: [
        { key: "output", type: "string", subtype: "dir_path", required: true, visible: "submission",
          description: "Folder for the meshes" },
        { key: "seeds", type: "string", required: true, visible: "submission",
          description: "The numbers of two or more shapes, with spaces between them, such as 1 2" },
        { key: "steps", type: "int32", default: 10, propargs: { min: 2, max: 100000 },
          visible: "submission", description: "How many shapes on the way, both ends included" },
        { key: "form", type: "string", choices: ["meshes", "shape-keys"], default: "meshes",
          visible: "submission",
          description: "A file for each shape, or one file with a mesh that moves" },
        { key: "tasks", type: "int32", default: 10, propargs: { min: 1, max: 1000 },
          visible: "submission",
          description: "Into how many tasks the meshes are divided; shape keys are one task" },
        { key: "format", type: "string", choices: ["blend", "glb", "obj", "ply", "stl"],
          default: "glb", description: "Kind of the results" },
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
        { key: "floor", type: "bool", default: false,
          description: "Centre the shapes over the origin; on the floor they stand anyway" },
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

// Called by Flamenco Manager. Every task makes each n-th shape; one that is done again skips what
// it has made.
function compileJob(job) {
    const settings = job.settings;
    if (settings.tasks < 1) {
        throw "the number of tasks has to be 1 or more";
    }
    if (settings.steps < 2) {
        throw "a morph needs 2 steps or more";
    }
    if (!/^\s*\d+(\s+\d+)+\s*$/.test(settings.seeds)) {
        throw "seeds: two or more whole numbers with spaces between them, such as 1 2";
    }
    const isOneFile = settings.form === "shape-keys";
    if (isOneFile && settings.format !== "blend" && settings.format !== "glb") {
        throw "only the formats blend and glb can hold shape keys";
    }
    const tasks = isOneFile ? 1 : Math.min(settings.tasks, settings.steps);
    for (var part = 1; part <= tasks; part++) {
        const task = author.Task("morph-" + part + "-of-" + tasks, "blender");
        task.addCommand(author.Command("exec", {
            exe: "{blender}",
            args: blenderArguments(settings, part, tasks),
        }));
        job.addTask(task);
    }
}

// What Blender is called with. Arguments that carry what the user wrote are joined with "=", so that
// none of it can be taken for an option; of the seeds it is known that they are numbers.
function blenderArguments(settings, part, tasks) {
    const given = ["--command", "onet", "morph", "--seeds"].concat(
        settings.seeds.trim().split(/\s+/),
        ["--output=" + settings.output, "--part=" + part + "/" + tasks]
    );
    function give(names) {
        names.forEach(function (name) { given.push("--" + name + "=" + settings[name]); });
    }
    give(["steps", "form", "format", "model", "quality", "threshold", "faces", "jobs", "device"]);
    // What is left to the quality, or not there, is not said.
    give(["runtime"].filter(function (name) { return settings[name] !== ""; }));
    give(["resolution"].filter(function (name) { return settings[name] > 0; }));
    give(["refine", "smoothing"].filter(function (name) { return settings[name] >= 0; }));
    const flags = {
        "--flat": !settings.smooth,
        "--floor": settings.floor,
        "--overwrite": settings.overwrite,
    };
    return given.concat(Object.keys(flags).filter(function (name) { return flags[name]; }));
}
