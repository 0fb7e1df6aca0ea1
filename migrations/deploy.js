// What `anchor migrate` runs. The set-up itself is the CLI's: it reads a cluster file beside this one, shows
// how the cluster differs from it, asks, and takes the missing steps (`plimsoll help setup`). This script only
// passes on what Anchor knows: the cluster's address and the wallet.
//
//   PLIMSOLL          the command, if it is not on the PATH; without either it is built with cargo
//   PLIMSOLL_CLUSTER  the cluster file, if the address does not tell (localnet.toml, devnet.toml)
//   PLIMSOLL_YES=1    do not ask
const { spawnSync } = require("node:child_process");
const { existsSync } = require("node:fs");
const { delimiter, join } = require("node:path");

const root = join(__dirname, "..");

function command() {
  if (process.env.PLIMSOLL) return [process.env.PLIMSOLL];
  const directories = (process.env.PATH || "").split(delimiter);
  if (directories.some((directory) => existsSync(join(directory, "plimsoll")))) return ["plimsoll"];
  return ["cargo", "run", "--locked", "--quiet", "-p", "plimsoll-cli", "--bin", "plimsoll", "--"];
}

module.exports = async function migrate(provider) {
  const [program, ...first] = command();
  const options = ["setup", "--url", provider.connection.rpcEndpoint];
  if (process.env.ANCHOR_WALLET) options.push("--keypair", process.env.ANCHOR_WALLET);
  if (process.env.PLIMSOLL_YES === "1") options.push("--yes");
  const ended = spawnSync(program, [...first, ...options], { cwd: root, stdio: "inherit" });
  if (ended.error) throw ended.error;
  if (ended.status !== 0) throw new Error(`${program} setup ended with ${ended.status ?? ended.signal}`);
};
