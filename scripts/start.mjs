// `npm start`: the whole platform on this machine. Plain JavaScript, because the machine's Node may be 20.
import { bootstrap } from "./bootstrap.mjs";

await bootstrap("apps/platform/src/main.ts");
