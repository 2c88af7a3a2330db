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
        { key: "model", type: "string", default: "",
          description: "Name of a model or a weights file; empty for the one that suits" },
        { key: "resolution", type: "int32", default: 128, propargs: { min: 8, max: 1024 },
          description: "Cells along an axis" },
        { key: "faces", type: "int32", default: 0, propargs: { min: 0 },
          description: "Simplify to about this many faces; 0 keeps all" },
        { key: "device", type: "string", choices: ["auto", "cpu", "cuda", "mps"],
          default: "auto", description: "Where the networks run" },
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
    ["format", "kind", "model", "resolution", "faces", "device"].forEach(function (name) {
        given.push("--" + name + "=" + settings[name]);
    });
    return given;
}
