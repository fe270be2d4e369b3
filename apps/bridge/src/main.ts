#!/usr/bin/env node
import { runCommand } from "./commands/command-line.ts";

// Who reads the output may leave early; that is no failure of the bridge.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

process.exitCode = await runCommand(process.argv.slice(2), process.env);
