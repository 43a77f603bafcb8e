// Runs a program for WASI: node wasi.mjs PROGRAM [ARGUMENT...]
import { readFile } from "node:fs/promises";
import { argv, cwd, env, exit } from "node:process";
import { WASI } from "node:wasi";

const wasi = new WASI({
    version: "preview1",
    args: argv.slice(2),
    env,
    // The tests read their data below the folder that cargo starts them in.
    preopens: { [cwd()]: cwd() },
});
// Debian's libc for WASI is older than its functions that say that there are no threads.
const NOT_SUPPORTED = 58;
const threads = {
    pthread_attr_init: () => 0,
    pthread_attr_setstacksize: () => 0,
    pthread_attr_destroy: () => 0,
    pthread_create: () => NOT_SUPPORTED,
    pthread_join: () => NOT_SUPPORTED,
    pthread_detach: () => NOT_SUPPORTED,
};
const program = await WebAssembly.compile(await readFile(argv[2]));
const imports = { ...wasi.getImportObject(), env: threads };
exit(wasi.start(await WebAssembly.instantiate(program, imports)));
